//! `GET .../build/<n>/artifact/<name>`: a file that outlives its build, as it was stored: whole or a range of it, never compressed.
//!
//! What a build made is a stranger's: its type is told only where a browser does no more than show it, everything else is saved, and
//! whatever is opened runs in a sandbox without scripts, apart from Weir's own pages.

use super::super::extract::Asker;
use super::super::range::{self, Asked};
use crate::status;
use crate::status::get::Get;
use crate::status::resource::Artifact;
use crate::web::live::standing::Standing;
use crate::web::{AppState, Result};
use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    ContentEncoding, ETAG, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

/// Read at a time.
const PIECE_BYTES: u64 = 256 << 10;

/// A file of a build is no page of ours: no script, nothing from elsewhere, no way to our cookies.
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The file.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    path: web::Path<Wanted>,
) -> Result<HttpResponse> {
    let wanted = path.into_inner();
    let get = state.status.get(&scope);
    let rights = state.status.watch_rights();
    let (artifact, path) = find(&get, &wanted).await?;
    let size = u64::try_from(artifact.size_bytes).unwrap_or(0);
    let tag = format!("\"{}\"", artifact.sha256);
    let asked = range::asked(&request, &tag, size);
    let mut answer = HttpResponse::build(match asked {
        Asked::NotModified => StatusCode::NOT_MODIFIED,
        Asked::Whole => StatusCode::OK,
        Asked::Part { .. } => StatusCode::PARTIAL_CONTENT,
        Asked::Outside => StatusCode::RANGE_NOT_SATISFIABLE,
    });
    answer
        .insert_header((ETAG, tag))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((VARY, "Authorization, Cookie"))
        // Its length and its ranges are those of the file.
        .insert_header((CONTENT_ENCODING, ContentEncoding::Identity.as_str()));
    let (first, length) = match asked {
        Asked::NotModified => return Ok(answer.finish()),
        Asked::Outside => return Ok(answer.insert_header((CONTENT_RANGE, format!("bytes */{size}"))).finish()),
        Asked::Whole => (0, size),
        Asked::Part { first, last } => {
            answer.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
            (first, last - first + 1)
        }
    };
    label(&mut answer, &artifact.name);
    if request.method() == Method::HEAD {
        return Ok(answer.body(SizedStream::new(length, futures::stream::empty::<Result<Bytes>>())));
    }
    let standing = Standing::of_download(&state, &request, &scope);
    let file = open(&path, first).await?;
    let download = Download { file, left: length, standing, get, wanted, rights };
    Ok(answer.body(SizedStream::new(length, Box::pin(download.stream()))))
}

/// Team, builder, number of the build and name of the artifact, as its address has them.
type Wanted = (String, String, i64, String);

async fn find(get: &Get, (team, builder, number, name): &Wanted) -> Result<(Artifact, PathBuf), status::Error> {
    get.artifact((team, builder, *number), name).await
}

/// What the content is and what a browser does with it.
fn label(answer: &mut HttpResponseBuilder, name: &str) {
    let file = name.rsplit('/').next().unwrap_or(name);
    let (content_type, is_shown) = match shown_type(file) {
        Some(content_type) => (content_type, true),
        None => ("application/octet-stream", false),
    };
    let how = if is_shown { "inline" } else { "attachment" };
    let plain: String =
        file.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' }).collect();
    let whole = utf8_percent_encode(file, NON_ALPHANUMERIC);
    answer
        .content_type(content_type)
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX))
        .insert_header((CONTENT_DISPOSITION, format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{whole}")));
}

/// The type of what a browser only shows; none for what it might run, and for what it cannot show anyway.
fn shown_type(file: &str) -> Option<&'static str> {
    let (_, ending) = file.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" | "csv" | "diff" | "patch" | "toml" | "yaml" | "yml" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}

async fn open(path: &Path, first: u64) -> Result<File> {
    let failed = |error: std::io::Error| {
        status::Error::Internal(anyhow::Error::new(error).context(format!("the artifact `{}`", path.display())))
    };
    let mut file = File::open(path).await.map_err(failed)?;
    file.seek(std::io::SeekFrom::Start(first)).await.map_err(failed)?;
    Ok(file)
}

/// What is still to be sent of a file. Nothing is read before the client has taken what came before, and nothing for who lost the right to it.
struct Download {
    file: File,
    left: u64,
    standing: Standing,
    get: Get,
    wanted: Wanted,
    /// A team may be hidden from who asked, whoever that is.
    rights: watch::Receiver<u64>,
}

impl Download {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        futures::stream::try_unfold(self, |mut it| async { Ok(it.piece().await?.map(|piece| (piece, it))) })
    }

    /// The next bytes; none is the end.
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.standing.check().await?;
        if self.rights.has_changed().unwrap_or(true) {
            self.rights.mark_unchanged();
            find(&self.get, &self.wanted).await?;
        }
        let wanted = self.left.min(PIECE_BYTES);
        let mut piece = BytesMut::with_capacity(wanted as usize);
        let failed = |error: std::io::Error| status::Error::Internal(anyhow::Error::new(error));
        (&mut self.file).take(wanted).read_buf(&mut piece).await.map_err(failed)?;
        if piece.is_empty() {
            let why = anyhow::anyhow!("an artifact is shorter than it was stored");
            return Err(status::Error::Internal(why).into());
        }
        self.left -= piece.len() as u64;
        Ok(Some(piece.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::{label, shown_type};
    use actix_web::HttpResponse;
    use actix_web::http::header::CONTENT_DISPOSITION;

    #[test]
    fn what_a_browser_might_run_is_saved() {
        for file in ["a.html", "a.svg", "a.xml", "a.js", "a.pdf", "a.wasm", "a", ".txt.htm", "a.xhtml"] {
            assert_eq!(shown_type(file), None, "{file}");
        }
        assert_eq!(shown_type("a.b.TXT"), Some("text/plain; charset=utf-8"));
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        let mut answer = HttpResponse::Ok();
        label(&mut answer, "dist/ü \"x\".tar");
        let answer = answer.finish();
        let said = answer.headers().get(CONTENT_DISPOSITION).unwrap().to_str().unwrap();
        assert_eq!(said, "attachment; filename=\"___x_.tar\"; filename*=UTF-8''%C3%BC%20%22x%22%2Etar");
    }
}
