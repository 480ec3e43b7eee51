//! The web client, inside the binary: compressed when it was built, cached by content, three entries by path.
use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{
    Problem,
    layers::{CSP_ROOM, CSP_STUDIO},
};
use crate::kernel::Code;

#[derive(RustEmbed)]
#[folder = "clients/web/dist"]
#[allow_missing = true]
struct Dist;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Atelier</title>\
     <h1>The web client is not in this build</h1><p>Build it and start again: <code>make run</code>, or \
     <code>cd clients &amp;&amp; npm ci &amp;&amp; npm run build</code> and then <code>cargo build --release</code>.</p>\
     <p>The server itself is running: <a href=\"/docs\">reference</a>, <a href=\"/health/ready\">health</a>.</p></html>";

/// Every path that no route has taken.
pub async fn fallback(request: Request) -> Response {
    let path = request.uri().path();
    let Some(path) = wanted(path) else { return Problem::new(Code::NotFound).into_response() };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = Problem::new(Code::MethodNotAllowed).into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    serve(path, request.headers())
}

/// The file for a path. A path with a dot names a file; any other is one of the pages, which route by themselves.
fn wanted(path: &str) -> Option<&str> {
    let under = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if under("/api") || under("/live") || under("/files") || under("/health") {
        return None;
    }
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part.starts_with('.')) {
        return None;
    }
    if path.contains('.') {
        // The compressed copies are not files of their own.
        return if matches!(path.rsplit('.').next(), Some("br" | "gz")) { None } else { Some(path) };
    }
    if under("/studio") || under("/login") {
        Some("studio.html")
    } else if under("/diagnose") {
        Some("diagnose.html")
    } else {
        Some("index.html")
    }
}

fn serve(path: &str, headers: &HeaderMap) -> Response {
    let is_page = path.to_ascii_lowercase().ends_with(".html");
    let (file, encoding) = match pick(path, headers) {
        Some(found) => found,
        None if is_page && Dist::get("index.html").is_none() => {
            return page(StatusCode::OK, CSP_STUDIO, NOT_BUILT);
        }
        None => return Problem::new(Code::NotFound).into_response(),
    };
    let etag = etag(&file, encoding);
    let fresh = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|given| {
        given.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
    });
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        Response::new(body)
    };
    let out = response.headers_mut();
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let csp = if path == "studio.html" { CSP_STUDIO } else { CSP_ROOM };
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(csp));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

/// The smallest copy that the client can read.
fn pick(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    for (ending, encoding) in [("br", "br"), ("gz", "gzip")] {
        if accepts(headers, encoding)
            && let Some(file) = Dist::get(&format!("{path}.{ending}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Some((Dist::get(path)?, None))
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let listed =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    listed.into_iter().any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|p| p.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0));
        name.eq_ignore_ascii_case(encoding) && !refused
    })
}

fn etag(file: &EmbeddedFile, encoding: Option<&str>) -> String {
    use std::fmt::Write;
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(12) {
        let _ = write!(tag, "{byte:02x}");
    }
    // Different bytes, different tag.
    let _ = write!(tag, "{}\"", encoding.map_or("", |encoding| if encoding == "br" { "-br" } else { "-gz" }));
    tag
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}

/// A page of the server's own.
pub(super) fn page(status: StatusCode, csp: &'static str, html: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, csp),
    ];
    (status, headers, html.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_files_pages_or_nowhere() {
        for (path, file) in [
            ("/", Some("index.html")),
            ("/K7Q2MP", Some("index.html")),
            ("/r/K7Q2MP", Some("index.html")),
            ("/livery", Some("index.html")),
            ("/studio", Some("studio.html")),
            ("/studio/s/1/results", Some("studio.html")),
            ("/login", Some("studio.html")),
            ("/studios", Some("index.html")),
            ("/diagnose", Some("diagnose.html")),
            ("/diagnosed", Some("index.html")),
            ("/assets/a-1.js", Some("assets/a-1.js")),
            ("/assets/a-1.js.br", None),
            ("/.vite/manifest.json", None),
            ("/assets/../index.html", None),
            ("/api", None),
            ("/api/v1/nothing", None),
            ("/live/ws", None),
            ("/health/x", None),
        ] {
            assert_eq!(wanted(path), file, "{path}");
        }
    }

    #[test]
    fn encodings_are_offered_or_refused() {
        let with =
            |value: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap())]);
        assert!(accepts(&with("gzip, deflate, br;q=0.5"), "br") && accepts(&with("GZIP"), "gzip"));
        assert!(!accepts(&with("br;q=0, gzip"), "br") && !accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn a_missing_file_is_not_a_page() {
        let response = serve("assets/gone-1.js", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
