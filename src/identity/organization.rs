//! Organizations: the tenant, its name and its slug.
use serde::Serialize;
use ts_rs::TS;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use utoipa::ToSchema;

use super::OrganizationId;

/// The longest name.
pub const NAME: u32 = 200;
/// The longest slug made here; the column leaves room for a distinguishing suffix.
const SLUG: usize = 50;

/// The organization a caller acts in.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "OrganizationView.ts")]
pub struct OrganizationView {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, as given.
    pub name: String,
    /// Its name as part of an address.
    pub slug: String,
}

/// A name as part of an address: `Müller & Söhne` becomes `muller-sohne`. Never empty.
pub fn slug(name: &str) -> String {
    let plain = name.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut slug = String::new();
    for c in plain {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "organization".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_in_addresses() {
        assert_eq!(slug("Müller & Söhne"), "muller-sohne");
        assert_eq!(slug("  --  "), "organization");
        assert_eq!(slug("研修"), "organization");
        assert!(slug(&"long name ".repeat(30)).len() <= SLUG);
    }
}
