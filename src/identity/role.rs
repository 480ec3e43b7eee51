//! Rights as types, so that a handler's signature says who may call it: `Can<LiveCreate>`.
use crate::kernel::Permission;

/// A right that a handler may demand.
pub trait Right: Send + Sync + 'static {
    /// The permission that some role of the caller must give.
    const PERMISSION: Permission;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}
            impl Right for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

rights! {
    /// Create live sessions.
    LiveCreate;
    /// Run live sessions.
    LiveHost;
    /// Join live sessions.
    LiveJoin;
    /// Manage the organization.
    OrgManage;
    /// Make plans of trainings and write in them.
    BuilderEdit;
}
