//! Keyset pages: every list is cut into pages that stay right while rows are added.
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page of a list is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `next` of the page before; absent for the first page.
    pub after: Option<String>,
    /// How many items at most, 1 to 200; 50 when absent.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// The page size within its bounds.
    pub fn size(&self) -> i64 {
        i64::from(self.limit.unwrap_or(50).clamp(1, 200))
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema, ts_rs::TS)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Page.ts")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Pass as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page out of `size + 1` rows; `key` names the last row kept.
    pub fn cut(mut rows: Vec<T>, size: i64, key: impl Fn(&T) -> String) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(key) } else { None };
        Self { items: rows, next }
    }
}
