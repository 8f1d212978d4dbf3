//! Who asks and what for, as extractors.

use super::auth::origin::{self, Origin};
use super::auth::session::Signed;
use super::{AppState, Error, Result, payload};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::status::query::Narrowing;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use chrono::TimeDelta;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashSet};
use std::future::{Ready, ready};

/// Bytes of a request's body at most.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Who asks: anonymous without credentials. Bad credentials never come this far.
#[derive(Debug, Clone)]
pub struct Asker(pub Scope);

impl FromRequest for Asker {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let scope = request.extensions().get::<Scope>().cloned();
        ready(Ok(Self(scope.unwrap_or_else(Scope::anonymous))))
    }
}

/// Who asks, where somebody must be known: without credentials it is 401, whatever stands at the address.
#[derive(Debug, Clone)]
pub struct SignedIn(pub Scope);

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let scope = request.extensions().get::<Scope>().filter(|scope| scope.is_signed_in()).cloned();
        ready(scope.map(Self).ok_or_else(Error::no_token))
    }
}

/// How elements of a path are read: what is no UTF-8 or no number is simply no page.
pub fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_, request| Error::no_page(request.path()).into())
}

/// Arguments of a URL as a `T` of optional fields: empty values are left alone, the last of several counts, unknown names are
/// nobody's business.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// Reads a URL's query.
    ///
    /// # Errors
    /// `BadArguments` naming each argument that cannot be understood.
    pub fn parse(query: &str) -> Result<Self> {
        let given: BTreeMap<_, _> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(_, value)| !value.is_empty()).collect();
        let read = |pairs: &BTreeMap<String, String>| {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            web::Query::<T>::from_query(&query).map(web::Query::into_inner)
        };
        read(&given).map(Self).map_err(|whole| {
            // A `T` may be made of any one of its fields alone: so the wrong ones are found.
            let is_wrong = |(name, value): &(&String, &String)| {
                read(&BTreeMap::from([((*name).clone(), (*value).clone())])).is_err()
            };
            let why = |value: &str| format!("`{value}` is no whole number, or one that is too large");
            let fields: BTreeMap<_, _> =
                given.iter().filter(is_wrong).map(|(name, value)| (name.clone(), why(value))).collect();
            match fields.is_empty() {
                true => Error::BadRequest(format!("the address's arguments cannot be understood: {whole}")),
                false => Error::BadArguments { fields },
            }
        })
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

/// A posted form as a `T`, from somebody who is signed in by a cookie: only what one of our own pages sent them is taken. The field `csrf`
/// is not part of `T`. `Form<Vec<(String, String)>>` takes whatever fields there are.
#[derive(Debug, Clone)]
pub struct Form<T>(pub T);

/// The field of every form that proves where it comes from.
const CSRF: &str = "csrf";

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload).into_inner();
        Box::pin(async move {
            // Asked first: who is not signed in learns nothing about the form.
            let signed = Signed::of(&request).ok_or_else(Error::no_session)?;
            let payload = payload.map_err(|error| Error::BadRequest(format!("there is no body: {error}")))?;
            let is_proved = |given: &str| signed.is_csrf(given);
            form(&request, payload, origin::of(request.headers(), &public_url(&request)), is_proved).await.map(Self)
        })
    }
}

/// Reads a form that came `from` there, whose `csrf` must be as `is_proved` says.
///
/// # Errors
/// `CrossSite` where it was sent by no page of ours, `BadRequest`, `TooLarge`, `WrongFormType`.
pub async fn form<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    from: Origin,
    is_proved: impl Fn(&str) -> bool,
) -> Result<T> {
    if from == Origin::Other {
        return Err(Error::CrossSite);
    }
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Error::WrongFormType);
    }
    let bytes = payload::read(request, payload, BODY_BYTES_MAX).await?;
    let (proofs, fields): (Vec<_>, Vec<_>) =
        url::form_urlencoded::parse(&bytes).into_owned().partition(|(name, _)| name == CSRF);
    match &proofs[..] {
        [(_, given)] if is_proved(given) => {}
        _ => return Err(Error::CrossSite),
    }
    let fields = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let read = web::Query::<T>::from_query(&fields).map(web::Query::into_inner);
    read.map_err(|error| Error::BadRequest(format!("the form cannot be understood: {error}")))
}

/// Where people reach the server that answers `request`.
fn public_url(request: &HttpRequest) -> url::Url {
    let state = request.app_data::<web::Data<AppState>>().expect("every route stands in a scope with the state");
    state.public_url.clone()
}

/// The Waterfall's arguments, with the names and the meaning that they had in classic Buildbot.
pub const WATERFALL_ARGUMENTS: [&str; 14] = [
    "show",
    "builder",
    "category",
    "tag",
    "branch",
    "committer",
    "project",
    "failures_only",
    "show_events",
    "first_time",
    "last_time",
    "show_time",
    "num_events",
    "reload",
];

/// Arguments that are looked at, each once, and bytes of their values: every link of a Waterfall carries all of them.
const ARGUMENTS_MAX: usize = 256;
const ARGUMENT_BYTES_MAX: usize = 8 << 10;
/// Rows of time on one page at most; more are not refused but cut to this.
const NUM_EVENTS_MAX: u64 = 10_000;
/// A page is never told to reload itself more often, in seconds.
const RELOAD_S_MIN: u64 = 15;
/// Moments after the year 9999 are typing errors.
const TIME_S_MAX: i64 = 253_402_300_799;
/// How far back `branch=` reaches where no time is given.
const BRANCH_WINDOW_S: i64 = 86_400;

/// What a Waterfall is asked to show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ViewQuery {
    /// Which builders and builds.
    pub narrowing: Narrowing,
    /// `reload=`: the page asks to be fetched again after so many seconds.
    pub reload_s: Option<u64>,
    /// Known arguments as given, in their order, for links that keep them.
    pub arguments: Vec<(String, String)>,
}

impl ViewQuery {
    /// Reads a URL's query. Unknown arguments and empty values are left alone; `now` is where `show_time=` counts from.
    ///
    /// # Errors
    /// `BadArguments` naming each argument that cannot be understood.
    pub fn parse(query: &str, now: Time) -> Result<Self> {
        let known =
            |(name, value): &(String, String)| WATERFALL_ARGUMENTS.contains(&name.as_str()) && !value.is_empty();
        let given = url::form_urlencoded::parse(query.as_bytes()).into_owned().filter(known);
        let arguments = bounded(given)?;
        let mut reader = Arguments { given: &arguments, wrong: BTreeMap::new() };
        let last_time = reader.time("last_time");
        let mut first_time = reader.time("first_time");
        let end = last_time.unwrap_or(now);
        let branches = reader.all(&["branch"]);
        if let Some(span_s) = reader.number("show_time") {
            let span = i64::try_from(span_s).ok().and_then(TimeDelta::try_seconds);
            first_time = Some(span.and_then(|span| end.checked_sub_signed(span)).unwrap_or(Time::UNIX_EPOCH));
        } else if first_time.is_some_and(|first| first > end) {
            reader.refuse(
                "first_time",
                "is later than the newest moment shown; give an earlier one, or a later last_time",
            );
        } else if first_time.is_none() && !branches.is_empty() {
            first_time = end.checked_sub_signed(TimeDelta::seconds(BRANCH_WINDOW_S));
        }
        let tags = reader.all(&["tag"]);
        let narrowing = Narrowing {
            builders: reader.all(&["show", "builder"]),
            categories: if tags.is_empty() { reader.all(&["category"]) } else { tags },
            branches,
            failures_only: reader.flag("failures_only"),
            last_time,
            first_time,
            num_events: reader.positive("num_events").map(|n| n.min(NUM_EVENTS_MAX) as usize),
        };
        let _ = reader.flag("show_events"); // checked; acted on when there are such events
        let reload_s = match reader.last("reload") {
            Some("none") => None,
            _ => reader.number("reload").map(|s| s.clamp(RELOAD_S_MIN, 86_400)),
        };
        let wrong = reader.wrong;
        if wrong.is_empty() {
            Ok(Self { narrowing, reload_s, arguments })
        } else {
            Err(Error::BadArguments { fields: wrong })
        }
    }
}

impl FromRequest for ViewQuery {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<AppState>>().expect("every route stands in a scope with the state");
        ready(Self::parse(request.query_string(), state.clock.now()))
    }
}

/// The arguments as given, the same one once.
///
/// # Errors
/// `BadArguments` where they are too many, or too long.
fn bounded(given: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>> {
    let (mut seen, mut arguments, mut n_bytes) = (HashSet::new(), Vec::new(), 0);
    for argument in given.filter(|argument| seen.insert(argument.clone())) {
        n_bytes += argument.1.len();
        if arguments.len() >= ARGUMENTS_MAX || n_bytes > ARGUMENT_BYTES_MAX {
            let why = format!(
                "these are too many to look for at once: at most {ARGUMENTS_MAX} arguments with {} KiB of values; use `*` in a name, or a view",
                ARGUMENT_BYTES_MAX >> 10
            );
            return Err(Error::BadArguments { fields: BTreeMap::from([(argument.0, why)]) });
        }
        arguments.push(argument);
    }
    Ok(arguments)
}

/// Whether a query holds any of the Waterfall's arguments, by name.
pub fn has_waterfall_argument(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| WATERFALL_ARGUMENTS.contains(&name.as_ref()))
}

/// Reads single arguments and remembers what is wrong with them.
struct Arguments<'a> {
    given: &'a [(String, String)],
    wrong: BTreeMap<String, String>,
}

impl Arguments<'_> {
    /// Every value of any of `names`, in the order given.
    fn all(&self, names: &[&str]) -> Vec<String> {
        self.given.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.clone()).collect()
    }

    /// The last value of `name`.
    fn last(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Notes that `name` is wrong.
    fn refuse(&mut self, name: &str, why: &str) {
        self.wrong.insert(name.to_owned(), why.to_owned());
    }

    /// A whole number from 0.
    fn number(&mut self, name: &str) -> Option<u64> {
        let text = self.last(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            let why = format!("`{text}` is no whole number");
            self.refuse(name, &why);
        }
        number
    }

    /// A whole number from 1.
    fn positive(&mut self, name: &str) -> Option<u64> {
        let number = self.number(name)?;
        if number == 0 {
            self.refuse(name, "give a number from 1");
        }
        Some(number)
    }

    /// A moment: seconds since 1970, or a date and time such as `2026-11-22T19:00:00Z`.
    fn time(&mut self, name: &str) -> Option<Time> {
        let text = self.last(name)?.to_owned();
        let seconds = text.parse::<i64>().ok().filter(|s| (0..=TIME_S_MAX).contains(s));
        let time = match seconds {
            Some(seconds) => Time::from_timestamp(seconds, 0),
            None => chrono::DateTime::parse_from_rfc3339(&text).ok().map(|time| time.to_utc()),
        };
        let time = time.filter(|time| (0..=TIME_S_MAX).contains(&time.timestamp()));
        if time.is_none() {
            let why = format!("`{text}` is no time; give seconds since 1970, or for instance 2026-11-22T19:00:00Z");
            self.refuse(name, &why);
        }
        time
    }

    /// Yes or no; no where it is not given.
    fn flag(&mut self, name: &str) -> bool {
        let Some(text) = self.last(name).map(str::to_ascii_lowercase) else { return false };
        match text.as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.refuse(name, &format!("`{text}` is neither true nor false"));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Query, ViewQuery, has_waterfall_argument};
    use crate::model::time::Time;

    fn now() -> Time {
        Time::from_timestamp(1_000_000, 0).unwrap()
    }

    fn parse(query: &str) -> ViewQuery {
        ViewQuery::parse(query, now()).unwrap()
    }

    fn wrong(query: &str) -> Vec<String> {
        match ViewQuery::parse(query, now()) {
            Err(Error::BadArguments { fields }) => fields.into_keys().collect(),
            other => panic!("{query} should be refused, and gave {other:?}"),
        }
    }

    #[test]
    fn what_no_page_could_carry_in_each_of_its_links_is_refused() {
        let of = |n: usize, value: &str| (0..n).map(|i| format!("tag={value}{i}")).collect::<Vec<_>>().join("&");
        assert_eq!(parse(&of(256, "a")).narrowing.categories.len(), 256);
        assert_eq!(wrong(&of(257, "a")), ["tag"]);
        assert_eq!(wrong(&of(100, &"a".repeat(100))), ["tag"]);
        assert_eq!(parse(&"tag=a&".repeat(10_000)).arguments.len(), 1, "the same says nothing new");
    }

    #[test]
    fn show_and_builder_are_the_same_and_repeat() {
        let query = parse("show=full-2.3&builder=core%2Ffull-2.4&show=a+b&nonsense=1&show=");
        assert_eq!(query.narrowing.builders, ["full-2.3", "core/full-2.4", "a b"]);
        assert_eq!(query.arguments.len(), 3);
        assert!(has_waterfall_argument("x=1&show=full"));
        assert!(!has_waterfall_argument("x=1"));
    }

    #[test]
    fn tags_win_over_categories() {
        assert_eq!(parse("category=a&category=b").narrowing.categories, ["a", "b"]);
        assert_eq!(parse("category=a&tag=c").narrowing.categories, ["c"]);
    }

    #[test]
    fn a_span_counts_back_from_the_newest_moment_and_wins_over_the_oldest() {
        let at = |s| Time::from_timestamp(s, 0);
        assert_eq!(parse("show_time=100").narrowing.first_time, at(999_900));
        assert_eq!(parse("show_time=100&last_time=500&first_time=1").narrowing.first_time, at(400));
        assert_eq!(parse("show_time=18446744073709551615").narrowing.first_time, at(0));
        assert_eq!(parse("last_time=1970-01-02T00:00:00%2B00:00").narrowing.last_time, at(86_400));
        assert_eq!(parse("branch=main").narrowing.first_time, at(1_000_000 - 86_400));
        assert_eq!(parse("").narrowing.first_time, None);
    }

    #[test]
    fn reload_is_never_faster_than_15_seconds() {
        assert_eq!(parse("reload=1").reload_s, Some(15));
        assert_eq!(parse("reload=60").reload_s, Some(60));
        assert_eq!(parse("reload=none").reload_s, None);
        assert_eq!(parse("").reload_s, None);
    }

    #[derive(Debug, serde::Deserialize)]
    struct Window {
        from: Option<i64>,
        before: Option<i64>,
    }

    #[test]
    fn single_arguments_are_read_leniently_and_named_where_they_are_wrong() {
        let Query(window) = Query::<Window>::parse("from=&from=3&from=4&nonsense=%FF&before=").unwrap();
        assert_eq!((window.from, window.before), (Some(4), None));
        match Query::<Window>::parse("from=abc&before=1&x=y") {
            Err(Error::BadArguments { fields }) => {
                assert_eq!(fields.keys().collect::<Vec<_>>(), ["from"]);
                assert!(fields["from"].starts_with("`abc` is no whole number"), "{fields:?}");
            }
            other => panic!("should be refused, and gave {other:?}"),
        }
        assert!(Query::<Window>::parse("before=99999999999999999999").is_err());
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        assert_eq!(wrong("num_events=x&last_time=noon&show=a"), ["last_time", "num_events"]);
        for name in ["first_time", "last_time", "show_time", "num_events", "reload", "failures_only", "show_events"] {
            assert_eq!(wrong(&format!("{name}=~")), [name]);
            assert_eq!(wrong(&format!("{name}=-1")), [name]);
        }
        assert_eq!(wrong("num_events=0"), ["num_events"]);
        assert_eq!(wrong("first_time=99999999999999999999"), ["first_time"]);
        assert_eq!(wrong("first_time=600&last_time=500"), ["first_time"]);
    }
}
