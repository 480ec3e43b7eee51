//! Images that belong to a document: what is taken, and where it lies.
//!
//! An image is found by a secret in its address, of which only the hash is stored: `<img>` can send no token, and phones
//! of guests have no cookie. Whoever can read the document has the address; nobody can guess it.
mod uses;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use self::uses::{SECRET, hash};
pub use self::uses::{check_in_time, note, note_version, sweep};

use super::DocumentId;
use crate::{
    db::{Db, TenantTx},
    kernel::{Clock, Id, caller},
};

/// The largest image, in bytes.
pub const MOST_BYTES: usize = 5 * 1024 * 1024;
/// The most pixels on one side, and in all: what a phone can show without falling over.
const MOST_SIDE: usize = 12_000;
const MOST_PIXELS: usize = 50_000_000;
/// The most images of one document, and their bytes together …
const MOST_FILES: i64 = 200;
const MOST_TOGETHER: i64 = 100 * 1024 * 1024;
/// … and with those that only its versions show.
const MOST_WITH_VERSIONS: i64 = 1_000;
const MOST_TOGETHER_WITH_VERSIONS: i64 = 500 * 1024 * 1024;
/// In a full document an image to which nobody refers makes room for another after this.
pub const SHORT_GRACE: Duration = Duration::from_hours(1);

/// An image as it comes in, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`, by its first bytes and not by what somebody says.
    pub content_type: &'static str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why an image is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// None of the four kinds, or damaged.
    Kind,
    /// Too many bytes or pixels.
    TooLarge,
    /// The document has enough of them.
    TooMany,
}

impl Image {
    /// Looks at the first bytes: what it is, and how large.
    pub fn of(content: &[u8]) -> Result<Self, Refused> {
        use imagesize::ImageType;
        if content.len() > MOST_BYTES {
            return Err(Refused::TooLarge);
        }
        let content_type = match imagesize::image_type(content).map_err(|_| Refused::Kind)? {
            ImageType::Png => "image/png",
            ImageType::Jpeg => "image/jpeg",
            ImageType::Gif => "image/gif",
            ImageType::Webp => "image/webp",
            _ => return Err(Refused::Kind),
        };
        let size = imagesize::blob_size(content).map_err(|_| Refused::Kind)?;
        if size.width > MOST_SIDE || size.height > MOST_SIDE || size.width * size.height > MOST_PIXELS {
            return Err(Refused::TooLarge);
        }
        let pixels = |count: usize| u32::try_from(count).ok().filter(|count| *count > 0).ok_or(Refused::Kind);
        Ok(Self { content_type, width: pixels(size.width)?, height: pixels(size.height)? })
    }
}

/// Keeps an image. Returns its id and the secret of its address.
pub async fn insert(
    tx: &mut TenantTx,
    clock: &Clock,
    document: DocumentId,
    author: Id<caller::User>,
    image: &Image,
    content: &[u8],
) -> Result<Result<(Uuid, String), Refused>, sqlx::Error> {
    // Two at once must not both be the last one; the document itself goes on being written.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('files ' || $1::text, 0))",
        document.uuid().to_string()
    )
    .execute(&mut **tx)
    .await?;
    let bytes = i32::try_from(content.len()).unwrap_or(i32::MAX);
    if is_full(tx, document, i64::from(bytes)).await? {
        return Ok(Err(Refused::TooMany));
    }
    let (id, secret) = (clock.id::<()>().uuid(), BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO collab_files (id, organization_id, document_id, secret_hash, content_type, width, height, bytes,
                                   content, created_by_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        tx.organization(),
        document.uuid(),
        hash(secret.as_bytes()),
        image.content_type,
        side(image.width),
        side(image.height),
        bytes,
        content,
        author.uuid(),
    )
    .execute(&mut **tx)
    .await?;
    // It is not in the document yet.
    sqlx::query!(
        "INSERT INTO collab_file_uses (organization_id, document_id, file_id, unused_since) VALUES ($1, $2, $3, $4)",
        tx.organization(),
        document.uuid(),
        id,
        clock.now(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(Ok((id, secret)))
}

/// Would so many bytes more be too much?
async fn is_full(tx: &mut TenantTx, document: DocumentId, bytes: i64) -> Result<bool, sqlx::Error> {
    let known = sqlx::query!(
        r#"SELECT count(*) AS "count!", coalesce(sum(f.bytes), 0) AS "bytes!",
                  count(*) FILTER (WHERE u.only_versions) AS "old!",
                  coalesce(sum(f.bytes) FILTER (WHERE u.only_versions), 0) AS "old_bytes!"
           FROM collab_files f
           LEFT JOIN collab_file_uses u ON u.document_id = f.document_id AND u.file_id = f.id
           WHERE f.document_id = $1"#,
        document.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    let together = known.bytes + bytes;
    let now = known.count - known.old >= MOST_FILES || together - known.old_bytes > MOST_TOGETHER;
    Ok(now || known.count >= MOST_WITH_VERSIONS || together > MOST_TOGETHER_WITH_VERSIONS)
}

/// The image of an address: its kind and its bytes. None: there is none.
pub async fn find(db: &Db, secret: &str) -> Result<Option<(String, Vec<u8>)>, sqlx::Error> {
    if secret.len() != SECRET {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"SELECT content_type AS "content_type!", content AS "content!" FROM collab_file($1)"#,
        hash(secret.as_bytes())
    )
    .fetch_optional(&mut *db.bare().await?)
    .await?;
    Ok(row.map(|row| (row.content_type, row.content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a picture without pixels.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn an_image_is_what_its_bytes_say() {
        assert_eq!(Image::of(&png(3, 2)), Ok(Image { content_type: "image/png", width: 3, height: 2 }));
        assert_eq!(Image::of(b"GIF89a\x03\0\x02\0\0\0\0").map(|image| image.content_type), Ok("image/gif"));
        let hidden = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".as_slice();
        for bad in [b"".as_slice(), b"\x89PNG\r\n\x1a\n", hidden, b"%PDF-1.7", b"BM123456789012345678901234567890"] {
            assert_eq!(Image::of(bad), Err(Refused::Kind), "{bad:?}");
        }
        assert_eq!(Image::of(&png(0, 2)), Err(Refused::Kind));
    }

    #[test]
    fn a_small_file_that_would_be_a_huge_picture_is_refused() {
        for (width, height) in [(12_001, 1), (1, 12_001), (8_000, 8_000), (u32::MAX, u32::MAX)] {
            assert_eq!(Image::of(&png(width, height)), Err(Refused::TooLarge), "{width} x {height}");
        }
        let mut long = png(3, 2);
        long.resize(MOST_BYTES + 1, 0);
        assert_eq!(Image::of(&long), Err(Refused::TooLarge));
    }
}
