//! How large a team's builders become, weighed before any of them is made: a matrix repeats what its table says, and a table what its
//! recipe says, so that a short file could fill any memory.

use super::builder::RawBuilder;
use super::force::RawForce;
use super::matrix::{Matrix, placeholders};
use super::read::{At, Reader};
use super::recipe::{RawRecipe, RawStep};
use super::selectors::COMPARISONS_MAX;
use super::value::Any;
use serde_json::Value;
use std::collections::BTreeMap;

/// Builders of one team, all matrices expanded: each has a column on pages and a place in the server's memory. The largest fleet that is
/// known has about a thousand.
pub const BUILDERS_MAX: usize = 10_000;

/// Bytes of one team's builders with all that is repeated for each of them, as they are held and compared at each reload; as large as what
/// a team may write, sixteen times over.
pub const BYTES_MAX: usize = 64 << 20;

/// Steps of one builder, its recipe's included, and of a recipe: each is a row of each build and a line of its page.
pub const STEPS_MAX: usize = 1_000;

/// Bytes that a string, a number or an element takes besides its text, roughly.
const PART: usize = 32;

/// Bytes that a table takes besides what stands in it, roughly.
const TABLE: usize = 256;

/// Whether a team's builders and recipes may be made at all; says which are too many or too large where not. At each of their names its
/// patterns take so many `comparisons`.
pub fn fits(
    builders: Option<&BTreeMap<String, RawBuilder>>,
    recipes: Option<&BTreeMap<String, RawRecipe>>,
    comparisons: usize,
    reader: &Reader<'_>,
) -> bool {
    let mut steps = BTreeMap::new();
    let mut fits = true;
    for (name, recipe) in recipes.into_iter().flatten() {
        let own = Steps::of(recipe.step.as_deref());
        fits &= own.fit(reader, || reader.wrong(&recipe.at.key("step"), "too-many-steps", own.message("recipe")));
        steps.insert(name.as_str(), own);
    }
    let mut tables = Vec::new();
    for (name, table) in builders.into_iter().flatten() {
        let own = Steps::of(table.step.as_deref());
        let shared = table.recipe.as_ref().and_then(|recipe| steps.get(recipe.value.as_str())).copied();
        // A recipe that is too long is told once.
        let all = own.and(shared.filter(|shared| shared.n <= STEPS_MAX));
        fits &= all.fit(reader, || reader.wrong_key(&table.at, "too-many-steps", all.message("builder")));
        tables.push(Weighed::new(name, table, own.and(shared)));
    }
    // Whether they are too large is of no interest where they are too many.
    fits && few_enough(&tables, reader) && small_enough(&tables, reader) && soon_compared(&tables, comparisons, reader)
}

/// Says where the team has too many builders.
fn few_enough(tables: &[Weighed<'_>], reader: &Reader<'_>) -> bool {
    let n = tables.iter().fold(0, |sum: usize, table| sum.saturating_add(table.builders));
    if let Some(most) = tables.iter().max_by_key(|table| table.builders).filter(|_| n > BUILDERS_MAX) {
        let message = format!("this team would have {n} builders, {} of them from here", most.builders);
        reader.note(
            most.wrong("too-many-builders", message, reader).expected(format!("at most {BUILDERS_MAX} in a team")),
        );
    }
    n <= BUILDERS_MAX
}

/// Says where the team's builders are too large.
fn small_enough(tables: &[Weighed<'_>], reader: &Reader<'_>) -> bool {
    let bytes = tables.iter().fold(0, |sum: usize, table| sum.saturating_add(table.bytes));
    if let Some(most) = tables.iter().max_by_key(|table| table.bytes).filter(|_| bytes > BYTES_MAX) {
        let mib = |bytes: usize| bytes.div_ceil(1 << 20);
        let message =
            format!("this team's builders would take {} MiB, {} of them from here", mib(bytes), mib(most.bytes));
        let expected = format!("at most {} MiB in a team, with all that a matrix or a recipe repeats", mib(BYTES_MAX));
        reader.note(most.wrong("builders-too-large", message, reader).expected(expected));
    }
    bytes <= BYTES_MAX
}

/// Says where all patterns of the team at all names of its builders take too long.
fn soon_compared(tables: &[Weighed<'_>], comparisons: usize, reader: &Reader<'_>) -> bool {
    let n = tables.iter().fold(0, |sum: usize, table| sum.saturating_add(table.names));
    let fits = n.saturating_mul(comparisons) <= COMPARISONS_MAX;
    if let Some(most) = tables.iter().max_by_key(|table| table.names).filter(|_| !fits) {
        let message = format!(
            "this team's builders have {n} names, categories and labels, {} of them from here, too many for its patterns",
            most.names
        );
        let expected =
            format!("at most {}, or fewer patterns in its schedulers and reporters", COMPARISONS_MAX / comparisons);
        reader.note(most.wrong("too-many-names", message, reader).expected(expected));
    }
    fits
}

/// The table of one builder or of a matrix of them.
struct Weighed<'a> {
    table: &'a RawBuilder,
    builders: usize,
    bytes: usize,
    names: usize,
}

impl<'a> Weighed<'a> {
    fn new(name: &str, table: &'a RawBuilder, steps: Steps) -> Self {
        let matrix = table.matrix.as_ref().map(|matrix| &matrix.value);
        let builders =
            matrix.into_iter().flat_map(Matrix::values).fold(1, |n: usize, of| n.saturating_mul(of.len().max(1)));
        let filled = Filled(matrix.map(longest).unwrap_or_default());
        let force = table.force.as_ref().map_or(0, force);
        let one = sum([filled.builder(name, table), steps.bytes, force, 2 * TABLE]);
        let n = |words: &Option<Vec<At<String>>>| words.as_ref().map_or(0, Vec::len);
        let names = 1 + n(&table.categories) + n(&table.labels);
        Self { table, builders, bytes: one.saturating_mul(builders), names: names.saturating_mul(builders) }
    }

    fn wrong(&self, rule: &'static str, message: String, reader: &Reader<'_>) -> super::diagnostic::Diagnostic {
        match &self.table.matrix {
            Some(matrix) => reader.wrong_key(&matrix.path, rule, message),
            None => reader.wrong_key(&self.table.at, rule, message),
        }
    }
}

/// Steps of a builder or a recipe.
#[derive(Clone, Copy)]
struct Steps {
    n: usize,
    bytes: usize,
}

impl Steps {
    fn of(steps: Option<&[RawStep]>) -> Self {
        let steps = steps.unwrap_or_default();
        Self { n: steps.len(), bytes: sum(steps.iter().map(step)) }
    }

    fn and(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self { n: self.n + other.n, bytes: self.bytes.saturating_add(other.bytes) })
    }

    /// Whether they are few enough; notes `wrong` where not.
    fn fit(self, reader: &Reader<'_>, wrong: impl FnOnce() -> super::diagnostic::Diagnostic) -> bool {
        if self.n > STEPS_MAX {
            reader.note(wrong().expected(format!("at most {STEPS_MAX}")));
        }
        self.n <= STEPS_MAX
    }

    fn message(self, whose: &str) -> String {
        format!("this {whose} has {} steps", self.n)
    }
}

/// What placeholders of a matrix become at most: the bytes of each key's longest value.
struct Filled<'a>(BTreeMap<&'a str, usize>);

impl Filled<'_> {
    /// What one builder takes without its steps.
    fn builder(&self, name: &str, table: &RawBuilder) -> usize {
        let texts = |texts: &Option<Vec<At<String>>>| sum(texts.iter().flatten().map(|text| self.text(&text.value)));
        let env = table.env.iter().flatten().map(|(key, value)| self.text(&value.value) + key.len() + PART);
        let properties = table.properties.iter().flatten();
        // Each has its own name and source.
        let properties = properties.map(|(key, any)| self.json(&any.value.0).saturating_add(key.len() + 2 * PART));
        let of_matrix = self.0.iter().map(|(key, longest)| longest.saturating_add(key.len() + 3 * PART));
        let description = table.description.as_deref().map_or(0, |text| self.text(text));
        sum([
            self.text(name),
            description,
            texts(&table.categories),
            texts(&table.labels),
            sum(env),
            sum(properties),
            sum(of_matrix),
        ])
    }

    fn text(&self, text: &str) -> usize {
        let filled = placeholders(text).map(|(_, key)| self.0.get(key).copied().unwrap_or_default());
        sum(filled).saturating_add(text.len() + PART)
    }

    fn json(&self, value: &Value) -> usize {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(elements) => sum(elements.iter().map(|value| self.json(value))).saturating_add(PART),
            Value::Object(fields) => {
                let field = |(key, value): (&String, &Value)| self.json(value).saturating_add(key.len() + PART);
                sum(fields.iter().map(field)).saturating_add(TABLE)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => PART,
        }
    }
}

/// The bytes of the longest value of each key, as it is written.
fn longest(matrix: &Matrix) -> BTreeMap<&str, usize> {
    // No number is longer than this.
    let written = |value: &At<Any>| value.value.0.as_str().map_or(PART, str::len);
    matrix.iter().map(|(key, values)| (key.as_str(), values.iter().map(written).max().unwrap_or_default())).collect()
}

fn step(step: &RawStep) -> usize {
    let word = |word: &Option<At<String>>| word.as_ref().map_or(0, |word| word.value.len());
    let settings = step.with.as_ref().map_or(0, |with| Filled(BTreeMap::new()).json(&with.value.0));
    sum([settings, word(&step.plugin), word(&step.name), 4 * PART])
}

fn force(force: &RawForce) -> usize {
    let RawForce::Table(table) = force else { return 0 };
    let texts = |texts: &[String]| sum(texts.iter().map(|text| text.len() + PART));
    let word = |word: &Option<At<String>>| word.as_ref().map_or(0, |word| word.value.len());
    let parameters = table.parameters.iter().flatten().map(|parameter| {
        let default = parameter.default.as_ref().map_or(0, |any| Filled(BTreeMap::new()).json(&any.value.0));
        let choices = parameter.choices.as_ref().map_or(0, |choices| texts(&choices.value));
        let label = parameter.label.as_ref().map_or(0, String::len);
        sum([default, choices, label, word(&parameter.name), word(&parameter.pattern), 4 * PART])
    });
    sum(parameters).saturating_add(table.properties.as_deref().map_or(0, texts))
}

/// The sum, which no file makes overflow.
fn sum(all: impl IntoIterator<Item = usize>) -> usize {
    all.into_iter().fold(0, usize::saturating_add)
}
