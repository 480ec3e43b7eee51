//! Identity from outside: accounts, cookies, tokens, limits.
use atelier::{
    http::Problem,
    identity::{
        Can, ClientAddr, Identity, Issued, Link, LinkKind, LiveCreate, MaybeIdentity, OrganizationId, Scope, Seat,
        Settings, UserId,
    },
    kernel::{Code, page::PageQuery},
    runtime::Rate,
};
use axum::{Json, Router, http::header, routing::post};
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, House, house::registration};

/// A house with two more doors: one for those who may create sessions, one that says who is there.
async fn house() -> House {
    let doors = Router::new()
        .route("/create", post(async |may: Can<LiveCreate>| Json(json!({ "user": may.caller.user }))))
        .route(
            "/whoami",
            post(async |MaybeIdentity(who): MaybeIdentity| {
                Json(who.map_or(Value::Null, |who| json!({ "user": who.user, "scope": who.scope })))
            }),
        );
    House::with(Settings::default(), doors).await
}

fn who(account: &Answer) -> (OrganizationId, UserId) {
    let organization = account.text("/organization/id").parse().expect("an id");
    (organization, account.text("/user/id").parse().expect("an id"))
}

const SEAT: Seat = Seat { live_session: Uuid::from_u128(1), participant: Uuid::from_u128(2) };
const SCREEN: Link = Link { live_session: Uuid::from_u128(1), link: LinkKind::Present };

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Problem>, code: Code) {
    assert_eq!(result.expect_err("refused").code, code);
}

// --- accounts ------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn somebody_registers_leaves_and_comes_back() {
    let house = House::open().await;
    let (mut ada, account) = house.registered("ada").await;
    assert_eq!(account.text("/user/displayName"), "ada Example");
    assert_eq!(account.text("/organization/slug"), "ada-co");
    for right in ["live.create", "live.host", "org.manage", "coaching.own"] {
        assert!(account.body["permissions"].as_array().expect("a list").contains(&json!(right)), "{right}");
    }
    let me = ada.get("/auth/me").await;
    assert_eq!(me.is(200).body["user"], account.body["user"]);
    assert!(me.body.get("token").is_none(), "the token is told once");

    let old = ada.cookie.clone();
    ada.post("/auth/logout", Value::Null).await.is(204);
    assert_eq!(ada.cookie, None, "the browser forgets");
    ada.get("/auth/me").await.refuses(401, "unauthenticated");
    ada.cookie = old;
    ada.get("/auth/me").await.refuses(401, "unauthenticated");

    let login = ada.post("/auth/login", json!({ "email": "ADA@Example.org", "password": "ada's secret" })).await;
    assert_eq!(login.is(200).body["user"], account.body["user"]);
    ada.get("/auth/me").await.is(200);
    ada.post("/auth/logout", Value::Null).await.is(204);
    ada.post("/auth/logout", Value::Null).await.is(204);
}

#[tokio::test]
async fn a_program_carries_its_token_in_the_header() {
    let house = house().await;
    let (_, account) = house.registered("ada").await;
    let mut program = house.program().holding(account.text("/token"));
    program.get("/auth/me").await.is(200);
    program.post("/create", Value::Null).await.is(200);
    program.post("/auth/logout", Value::Null).await.is(204);
    program.get("/auth/me").await.refuses(401, "unauthenticated");
    for forged in ["", "atl_", "nonsense", &format!("atl_{}", "A".repeat(43)), &"x".repeat(5_000)] {
        house.program().holding(forged).get("/auth/me").await.refuses(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_cookie_is_closed_to_scripts_and_other_sites() {
    let proxied = Settings { proxies: vec!["192.0.2.1".parse().expect("parses")].into(), ..Settings::default() };
    let house = House::with(proxied, Router::new()).await;
    let (_, plain) = house.registered("ada").await;
    let cookie = plain.cookie().expect("a cookie").to_owned();
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "over plain http the browser would drop it");
    assert_eq!(plain.headers[header::CACHE_CONTROL], "no-store");
    let mut secure = house.browser().lured_to(Some("https://atelier.test")).saying("x-forwarded-proto", "https");
    let encrypted = secure.post("/auth/register", registration("bob")).await;
    assert!(encrypted.is(201).cookie().expect("a cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn a_real_browser_stays_signed_in() {
    let house = House::open().await;
    let base = format!("http://{}", house.serve().await);
    let browser = reqwest::Client::builder().cookie_store(true).build().expect("a client");
    let register = browser.post(format!("{base}/auth/register")).json(&registration("ada")).send();
    assert_eq!(register.await.expect("answers").status(), 201);
    let me = browser.get(format!("{base}/auth/me")).send().await.expect("answers");
    assert_eq!(me.json::<Value>().await.expect("JSON")["user"]["email"], "ada@example.org");
}

#[tokio::test]
async fn everything_wrong_with_a_form_is_said_at_once() {
    let house = House::open().await;
    let mut ada = house.browser();
    let empty = ada.post("/auth/register", json!({})).await;
    empty.refuses(422, "invalid");
    assert_eq!(empty.fields(), ["email", "firstName", "lastName", "organizationName", "password"]);
    let mut form = registration("ada");
    form["firstName"] = json!("x".repeat(51));
    form["organizationName"] = json!("x".repeat(201));
    form["password"] = json!("ninechars");
    form["email"] = json!("ada at example.org");
    let answer = ada.post("/auth/register", form).await;
    assert_eq!(answer.refuses(422, "invalid").fields(), ["email", "firstName", "organizationName", "password"]);
    ada.post_raw("/auth/register", "{\"email\": ").await.refuses(400, "malformed");
    ada.post("/auth/register", json!({ "email": 7 })).await.refuses(422, "invalid");
    ada.post_raw("/auth/login", "7").await.refuses(422, "invalid");
    let odd = json!({ "email": "a\u{0}@b", "password": "\u{0}".repeat(20) });
    ada.post("/auth/login", odd).await.refuses(401, "wrong_password");
}

#[tokio::test]
async fn an_address_has_one_account_and_names_may_repeat() {
    let house = House::open().await;
    house.registered("ada").await;
    let mut again = registration("ada");
    again["email"] = json!("Ada@EXAMPLE.org");
    house.browser().post("/auth/register", again.clone()).await.refuses(409, "email_taken");
    again["email"] = json!("other@example.org");
    let other = house.browser().post("/auth/register", again).await;
    assert_eq!(other.is(201).text("/organization/slug"), "ada-co-2");
}

#[tokio::test]
async fn a_closed_house_takes_no_new_accounts() {
    let house = House::closed().await;
    house.browser().post("/auth/register", registration("ada")).await.refuses(403, "registration_closed");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let house = House::open().await;
    house.registered("ada").await;
    let mut stranger = house.browser();
    let wrong = stranger.post("/auth/login", json!({ "email": "ada@example.org", "password": "ada's secret " })).await;
    let unknown = stranger.post("/auth/login", json!({ "email": "eve@example.org", "password": "x" })).await;
    assert_eq!(wrong.refuses(401, "wrong_password").body, unknown.refuses(401, "wrong_password").body);
    assert_eq!(stranger.cookie, None);
}

#[tokio::test]
async fn a_suspended_member_is_out_at_once() {
    let house = house().await;
    let (mut ada, _) = house.registered("ada").await;
    let mut superuser = house.database.superuser().await;
    for (close, open) in [
        ("UPDATE memberships SET status = 'suspended'", "UPDATE memberships SET status = 'active'"),
        ("UPDATE organizations SET status = 'suspended'", "UPDATE organizations SET status = 'active'"),
        ("UPDATE organizations SET deleted_at = now()", "UPDATE organizations SET deleted_at = NULL"),
    ] {
        sqlx::query(close).execute(&mut superuser).await.expect(close);
        ada.get("/auth/me").await.refuses(401, "unauthenticated");
        let mut again = house.browser();
        let login = again.post("/auth/login", json!({ "email": "ada@example.org", "password": "ada's secret" })).await;
        login.refuses(403, "forbidden");
        assert_eq!(again.cookie, None, "{close}");
        sqlx::query(open).execute(&mut superuser).await.expect(open);
        ada.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn one_signs_in_where_one_belongs() {
    let house = House::open().await;
    let (_, ada) = house.registered("ada").await;
    let (_, bob) = house.registered("bob").await;
    let attempt = |organization: &str| json!({ "email": "ada@example.org", "password": "ada's secret", "organizationId": organization });
    let mut browser = house.browser();
    browser.post("/auth/login", attempt(ada.text("/organization/id"))).await.is(200);
    browser.post("/auth/login", attempt(bob.text("/organization/id"))).await.refuses(403, "forbidden");
}

#[tokio::test]
async fn rights_come_from_the_roles_held() {
    let house = house().await;
    let (mut ada, _) = house.registered("ada").await;
    ada.post("/create", Value::Null).await.is(200);
    let mut superuser = house.database.superuser().await;
    let demote = "UPDATE membership_roles SET role_id = (SELECT id FROM roles WHERE key = 'learner') \
                  WHERE role_id = (SELECT id FROM roles WHERE key = 'coach')";
    sqlx::query(demote).execute(&mut superuser).await.expect("demotes");
    let strip = "DELETE FROM membership_roles WHERE role_id <> (SELECT id FROM roles WHERE key = 'learner')";
    sqlx::query(strip).execute(&mut superuser).await.expect("strips");
    ada.post("/create", Value::Null).await.refuses(403, "forbidden");
    assert_eq!(ada.get("/auth/me").await.body["permissions"], json!(["live.join", "workbook.learn"]));
}

#[tokio::test]
async fn access_ends_after_thirty_days() {
    let house = House::open().await;
    let (mut ada, _) = house.registered("ada").await;
    house.clock.advance(TimeDelta::days(30) - TimeDelta::seconds(1));
    ada.get("/auth/me").await.is(200);
    house.clock.advance(TimeDelta::seconds(1));
    ada.get("/auth/me").await.refuses(401, "unauthenticated");
    house.clock.advance(TimeDelta::days(2));
    assert_eq!(house.identity.tokens.purge(&house.identity.db).await.expect("purges"), 1);
}

// --- other web sites -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let house = house().await;
    let (ada, account) = house.registered("ada").await;
    for origin in [Some("http://evil.test"), Some("null"), Some("http://atelier.test.evil.test"), None] {
        let mut lured = ada.clone().lured_to(origin);
        lured.post("/create", Value::Null).await.refuses(403, "foreign_origin");
        lured.post("/whoami", Value::Null).await.refuses(403, "foreign_origin");
        lured.post("/auth/logout", Value::Null).await.refuses(403, "foreign_origin");
    }
    let mut quiet = ada.clone().lured_to(None).saying("sec-fetch-site", "same-origin");
    quiet.post("/create", Value::Null).await.is(200);
    ada.clone().lured_to(None).saying("sec-fetch-site", "cross-site").post("/create", Value::Null).await.is(403);
    // Reading is left to the browser's own rules, and a header cannot be forged by a foreign page.
    ada.clone().lured_to(None).get("/auth/me").await.is(200);
    house.program().holding(account.text("/token")).post("/create", Value::Null).await.is(200);
    // Nobody is signed in by somebody else's form, either.
    let mut lured = house.browser().lured_to(Some("http://evil.test"));
    lured.post("/auth/login", json!({})).await.refuses(403, "foreign_origin");
    lured.post("/auth/register", registration("eve")).await.refuses(403, "foreign_origin");
}

// --- limits --------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn guessing_passwords_is_slow() {
    let house = House::open().await;
    house.registered("ada").await;
    let guess = json!({ "email": "ada@example.org", "password": "a guess" });
    for n in 1..=5 {
        house.browser().at(&format!("198.51.100.{n}")).post("/auth/login", guess.clone()).await.is(401);
    }
    let mut sixth = house.browser().at("198.51.100.6");
    let refused = sixth.post("/auth/login", guess).await;
    assert_eq!(refused.refuses(429, "rate_limited").headers[header::RETRY_AFTER], "12");
    let right = json!({ "email": "ada@example.org", "password": "ada's secret" });
    sixth.post("/auth/login", right.clone()).await.refuses(429, "rate_limited");
    house.clock.advance(TimeDelta::seconds(12));
    sixth.post("/auth/login", right).await.is(200);
}

#[tokio::test]
async fn one_visitor_cannot_try_many_addresses() {
    let house = House::open().await;
    let mut eve = house.browser();
    for n in 0..10 {
        let attempt = json!({ "email": format!("u{n}@example.org"), "password": "password12" });
        eve.post("/auth/login", attempt).await.is(401);
    }
    let attempt = json!({ "email": "u10@example.org", "password": "password12" });
    eve.post("/auth/login", attempt.clone()).await.refuses(429, "rate_limited");
    eve.clone().saying("x-forwarded-for", "203.0.113.5").post("/auth/login", attempt.clone()).await.is(429);
    eve.at("203.0.113.5").post("/auth/login", attempt).await.is(401);
}

#[tokio::test]
async fn new_accounts_are_limited_per_visitor() {
    let mut settings = Settings::default();
    settings.limits.register = Rate { times: 2, per: std::time::Duration::from_hours(1) };
    let house = House::with(settings, Router::new()).await;
    house.browser().post("/auth/register", json!({})).await.is(422);
    house.registered("ada").await;
    house.registered("bob").await;
    let third = house.browser().post("/auth/register", registration("eve")).await;
    assert_eq!(third.refuses(429, "rate_limited").headers[header::RETRY_AFTER], "1800");
}

#[tokio::test]
async fn guessing_codes_is_answered_less_and_less() {
    let house = House::open().await;
    let room = ClientAddr("192.0.2.1".parse().expect("address"));
    let limits = &house.identity.limits;
    for _ in 0..300 {
        assert_eq!(limits.unknown_code(room).code, Code::CodeUnknown);
    }
    assert_eq!(limits.unknown_code(room).code, Code::RateLimited);
    assert_eq!(limits.join(room).expect_err("not even a right code is told").code, Code::RateLimited);
}

// --- seats, tickets, screens -----------------------------------------------------------------------------------------------

async fn in_tenant<T>(
    identity: &Identity,
    organization: OrganizationId,
    work: impl AsyncFnOnce(&Identity, &mut atelier::db::TenantTx) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut tx = identity.db.tenant_as(organization, None).await?;
    let done = work(identity, &mut tx).await?;
    tx.commit().await?;
    Ok(done)
}

async fn ticket(house: &House, account: &Answer) -> Issued {
    let (organization, user) = who(account);
    let issued = in_tenant(&house.identity, organization, async |identity, tx| {
        identity.tokens.issue_ticket(tx, user, SEAT).await
    });
    issued.await.expect("a ticket")
}

#[tokio::test]
async fn a_ticket_opens_one_socket_once() {
    let house = house().await;
    let (_, account) = house.registered("ada").await;
    let (organization, user) = who(&account);
    let issued = ticket(&house, &account).await;
    let identity = &house.identity;
    house.program().holding(&issued.token).get("/auth/me").await.refuses(401, "unauthenticated");
    let (one, two) = tokio::join!(
        identity.tokens.authenticate_socket(&identity.db, &issued.token),
        identity.tokens.authenticate_socket(&identity.db, &issued.token),
    );
    let (opened, late) = if one.is_ok() { (one, two) } else { (two, one) };
    let opened = opened.expect("one of them");
    assert_eq!((opened.user, opened.organization, opened.scope), (user, organization, Scope::Seat(SEAT)));
    refused(late, Code::Unauthenticated);
    refused(identity.tokens.authenticate_socket(&identity.db, &issued.token).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_ticket_lasts_a_minute() {
    let house = House::open().await;
    let (_, account) = house.registered("ada").await;
    let (early, late) = (ticket(&house, &account).await, ticket(&house, &account).await);
    let open =
        async |issued: Issued| house.identity.tokens.authenticate_socket(&house.identity.db, &issued.token).await;
    house.clock.advance(TimeDelta::seconds(59));
    open(early).await.expect("just in time");
    house.clock.advance(TimeDelta::seconds(1));
    refused(open(late).await, Code::Unauthenticated);
}

#[tokio::test]
async fn forged_tokens_open_no_socket() {
    let house = House::open().await;
    let (_, account) = house.registered("ada").await;
    let account_token = account.text("/token").to_owned();
    for forged in ["", "atl_", "null", &format!("atl_{}", "A".repeat(43)), &account_token] {
        let opened = house.identity.tokens.authenticate_socket(&house.identity.db, forged).await;
        refused(opened, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_guest_has_a_seat_and_nothing_else() {
    let house = house().await;
    let (_, account) = house.registered("ada").await;
    let (organization, _) = who(&account);
    let identity = &house.identity;
    let guest = in_tenant(identity, organization, async |identity, tx| {
        identity.tokens.issue_guest(tx, " Grace \u{202E} Hopper ", SEAT).await
    });
    let guest = guest.await.expect("a guest");
    let mut phone = house.program().holding(&guest.issued.token);
    phone.get("/auth/me").await.refuses(401, "unauthenticated");
    phone.post("/create", Value::Null).await.refuses(401, "unauthenticated");
    let recognised = phone.post("/whoami", Value::Null).await;
    assert_eq!(recognised.body["user"], json!(guest.user));
    assert_eq!(recognised.body["scope"], json!({ "liveSession": SEAT.live_session, "participant": SEAT.participant }));
    for _ in 0..2 {
        let socket = identity.tokens.authenticate_socket(&identity.db, &guest.issued.token).await.expect("opens");
        assert_eq!((socket.user, socket.scope), (guest.user, Scope::Seat(SEAT)));
    }
    house.clock.advance(TimeDelta::days(30));
    refused(identity.tokens.authenticate_socket(&identity.db, &guest.issued.token).await, Code::Unauthenticated);
}

#[tokio::test]
async fn guests_come_only_where_they_are_welcome_and_can_be_taken_back() {
    let house = house().await;
    let (_, account) = house.registered("ada").await;
    let (organization, _) = who(&account);
    let identity = &house.identity;
    let invite =
        async || in_tenant(identity, organization, async |it, tx| it.tokens.issue_guest(tx, "Grace", SEAT).await).await;
    let guest = invite().await.expect("a guest");
    in_tenant(identity, organization, async |it, tx| it.tokens.discard_guest(tx, guest.user).await)
        .await
        .expect("gone");
    refused(identity.tokens.authenticate_socket(&identity.db, &guest.issued.token).await, Code::Unauthenticated);
    let mut superuser = house.database.superuser().await;
    let shut = "UPDATE organizations SET settings = '{\"guest_join\": false}'";
    sqlx::query(shut).execute(&mut superuser).await.expect("shuts");
    refused(invite().await, Code::GuestsNotAllowed);
}

#[tokio::test]
async fn a_link_shows_a_screen_until_it_is_revoked() {
    let house = house().await;
    let (_, account) = house.registered("ada").await;
    let (_, stranger) = house.registered("bob").await;
    let (organization, user) = who(&account);
    let (elsewhere, _) = who(&stranger);
    let identity = &house.identity;
    let issue = async || {
        in_tenant(identity, organization, async |it, tx| it.tokens.issue_link(tx, user, SCREEN, None).await).await
    };
    let list = async |organization, page: PageQuery| {
        in_tenant(identity, organization, async |it, tx| it.tokens.list_links(tx, SCREEN.live_session, &page).await)
            .await
            .expect("a list")
    };
    let revoke = async |organization, link| {
        in_tenant(identity, organization, async |it, tx| it.tokens.revoke_link(tx, SCREEN.live_session, link).await)
            .await
    };
    let (first, second) = (issue().await.expect("a link"), issue().await.expect("another"));
    let open = async || identity.tokens.authenticate_socket(&identity.db, &first.token).await;
    assert_eq!(open().await.expect("opens").scope, Scope::Link(SCREEN));
    assert_eq!(open().await.expect("opens again").user, user);
    house.program().holding(&first.token).get("/auth/me").await.refuses(401, "unauthenticated");

    let page = list(organization, PageQuery { after: None, limit: Some(1) }).await;
    assert_eq!(page.items.iter().map(|link| link.id).collect::<Vec<_>>(), [second.id], "newest first");
    let rest = list(organization, PageQuery { after: page.next, limit: Some(1) }).await;
    assert_eq!((rest.items[0].id, rest.next), (first.id, None));

    assert!(list(elsewhere, PageQuery::default()).await.items.is_empty(), "another tenant sees none");
    refused(revoke(elsewhere, first.id).await, Code::NotFound);
    revoke(organization, first.id).await.expect("revoked");
    refused(open().await, Code::Unauthenticated);
    refused(revoke(organization, first.id).await, Code::NotFound);
    assert_eq!(list(organization, PageQuery::default()).await.items.len(), 1);
}

#[tokio::test]
async fn no_token_is_issued_into_a_foreign_organization() {
    let house = House::open().await;
    let (_, ada) = house.registered("ada").await;
    let (_, bob) = house.registered("bob").await;
    let ((organization, _), (_, stranger)) = (who(&ada), who(&bob));
    let issued = in_tenant(&house.identity, organization, async |it, tx| it.tokens.issue_access(tx, stranger).await);
    refused(issued.await, Code::Forbidden);
}
