//! What tests stand on: a database of their own, a house with the doors of the server, people who use it.
pub mod agreement;
pub mod atelier;
pub mod client;
pub mod copy;
pub mod database;
pub mod house;
pub mod machine;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod rows;
pub mod server;
pub mod sheet;
pub mod truth;
pub mod wire;

pub use self::{
    atelier::{Account, Atelier, Meeting, Setup, Site},
    client::Client,
    copy::Reply,
    machine::Machine,
    sheet::Sheet,
    truth::Truth,
    wire::Wire,
};
pub use database::TestDb;
pub use house::{Answer, House};
