//! Which server is the master: what most sentinels say.
use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection, cmd};

use super::settings::{Address, Login, Settings};

/// For one sentinel to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Asks all at once and believes the majority, or, where none comes about, most of those that answered.
pub async fn master(settings: &Settings, sentinels: &[Address], name: &str, login: &Login) -> RedisResult<Address> {
    let mut answers: FuturesUnordered<_> =
        sentinels.iter().map(|sentinel| ask(settings, sentinel, name, login)).collect();
    let mut votes = BTreeMap::<Address, usize>::new();
    let mut problem = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(address) => {
                let count = votes.entry(address.clone()).or_default();
                *count += 1;
                if *count > sentinels.len() / 2 {
                    return Ok(address);
                }
            }
            Err(error) => problem = Some(error),
        }
    }
    let most = votes.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(address, _)| address).ok_or_else(|| problem.unwrap_or_else(unknown))
}

async fn ask(settings: &Settings, sentinel: &Address, name: &str, login: &Login) -> RedisResult<Address> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    let client = settings.client_as(login, sentinel)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let said: Option<(String, u16)> =
        cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name).query_async(&mut connection).await?;
    said.map(|(host, port)| Address { host, port }).ok_or_else(unknown)
}

fn unknown() -> RedisError {
    (ErrorKind::MasterNameNotFoundBySentinel, "the sentinels do not know a master of this name").into()
}

/// Does the server itself agree? One that was master before a failover may not know yet, or still be starting.
pub async fn is_master(connection: &MultiplexedConnection) -> RedisResult<()> {
    let role = cmd("ROLE").query_async::<redis::Value>(&mut connection.clone()).await;
    let role = match role {
        Ok(redis::Value::Array(said)) => said.into_iter().next(),
        // Who may not ask has to believe the sentinels.
        Err(error) if error.code() == Some("NOPERM") => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => None,
    };
    match role {
        Some(redis::Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err((ErrorKind::Client, "the server is no master").into()),
    }
}
