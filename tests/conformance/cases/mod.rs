//! The cases, by theme.

use std::pin::Pin;

use crate::rig::Bench;

/// One promise, and how it is shown.
pub struct Case {
    pub name: &'static str,
    /// A sentence: the row's head in the table.
    pub promise: &'static str,
    pub run: for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = ()> + 'a>>,
}

/// The list of a theme: `name: "promise",` for each `async fn name(bench: &Bench)`.
macro_rules! cases {
    ($($name:ident: $promise:literal,)*) => {
        pub const CASES: &[crate::cases::Case] = &[$(crate::cases::Case {
            name: stringify!($name),
            promise: $promise,
            run: |bench| Box::pin($name(bench)),
        }),*];
    };
}

mod consume;
mod credit;
mod faults;
mod garbage;
mod grants;
mod payloads;
mod sessions;
mod soak;
mod verdicts;
mod verifiers;

/// Themes in the order of the table.
pub const THEMES: &[(&str, &[Case])] = &[
    ("Verdicts", verdicts::CASES),
    ("Credit", credit::CASES),
    ("Consumers", consume::CASES),
    ("Several verifiers", verifiers::CASES),
    ("Faults", faults::CASES),
    ("Garbage", garbage::CASES),
    ("Payloads", payloads::CASES),
    ("Sessions", sessions::CASES),
    ("Grants", grants::CASES),
    ("Everything at once", soak::CASES),
];

/// All cases. Their names are unique: a name is a row and a filter.
pub fn all() -> impl Iterator<Item = &'static Case> {
    THEMES.iter().flat_map(|(_, cases)| cases.iter())
}
