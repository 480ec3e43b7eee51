//! What tests stand on: a database of their own, a house with the doors of the server, people who use it.
pub mod database;
pub mod house;
pub mod rows;

pub use database::TestDb;
pub use house::{Answer, House};
