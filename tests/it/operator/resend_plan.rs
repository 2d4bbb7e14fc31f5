//! Before an invoice is sent again a person sees what would be done; and what was planned is what is done.

use std::time::Duration;

use invoice_dispatcher::model::access::TenantScope;
use invoice_dispatcher::model::ids::{CustomerId, TenantId};
use invoice_dispatcher::model::state::{Concluded, Decision, DeliveryState};
use invoice_dispatcher::operator::invoice::history::InvoiceHistory;
use invoice_dispatcher::operator::invoice::timeline::{TimelineEvent, timeline};
use invoice_dispatcher::operator::masking::Reader;
use invoice_dispatcher::operator::resend::plan::{ResendDifference, ResendPlan, ResendWarning};
use invoice_dispatcher::operator::resend::{
    AddressOrigin, LinkCause, ResendConfirmations, ResendError, ResendRequest, Resent,
};
use invoice_dispatcher::policy::decision::{Plan, PortalAccess, Reason};
use invoice_dispatcher::store::Erased;

use crate::harness::actor;
use crate::harness::database::{TestDatabase, on_both_databases};
use crate::harness::dispatcher::Dispatcher;
use crate::harness::relay::relay;
use crate::harness::sink::{Act, Gate, Script, Sink, Step, SunkMail};
use crate::operator::samples::{WHO, asked};

on_both_databases!(
    the_plan_is_what_happens,
    a_new_address_gets_a_link_unless_that_is_confirmed,
    an_address_of_the_event_is_not_new,
    a_person_narrows_and_never_widens,
    who_wanted_a_link_is_known_after_an_erasure,
    two_at_once_make_one_resend,
    a_second_resend_within_a_minute_is_confirmed,
    a_plan_that_does_not_hold_any_more_does_nothing,
    what_is_being_sent_is_waited_for,
    a_paused_tenant_and_a_late_invoice_are_warned_of,
);

/// How the timeline notes on whose word an invoice went to an address that is not known.
const NEW_ADDRESS_NOTE: &str = "to an address that is neither in the event nor on record";

const SENT: &str = "SELECT COUNT(*) FROM delivery WHERE concluded = 'sent'";

/// A dispatcher at work that has sent `R-a` to a business customer, with its document attached.
struct Sent {
    dispatcher: Dispatcher,
    sink: Sink,
    tenant: TenantId,
}

impl Sent {
    async fn new(database: TestDatabase) -> Self {
        let sink = Sink::start().await;
        let mut dispatcher = Dispatcher::new(database, &sink).await;
        dispatcher.start();
        dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
        dispatcher.wait_until_concluded().await;
        dispatcher.database.clock.advance(Duration::from_mins(4));
        Self { dispatcher, sink, tenant: TenantId::from("acme") }
    }

    /// Somebody asks for it by phone, and confirms nothing.
    fn request<'a>(&'a self, to: Option<&'a str>) -> ResendRequest<'a> {
        ResendRequest { to, confirmed: ResendConfirmations::default(), ..asked(&self.tenant, "R-a") }
    }

    async fn plan(&self, request: &ResendRequest<'_>) -> ResendPlan {
        self.dispatcher.app.resend.plan(request).await.expect("it can be planned")
    }

    async fn act(&self, request: &ResendRequest<'_>, plan: &ResendPlan) -> Result<Resent, ResendError> {
        let request = ResendRequest { plan: Some(&plan.digest), ..request.clone() };
        self.dispatcher.app.resend.resend(&request).await
    }

    /// Plans, acts, waits until it is sent, and returns the new mail.
    async fn resend(
        &mut self,
        to: Option<&str>,
        change: impl FnOnce(&mut ResendRequest<'_>),
    ) -> (ResendPlan, SunkMail) {
        let before = self.sink.mails().len();
        let tenant = self.tenant.clone();
        let mut request = ResendRequest { to, confirmed: ResendConfirmations::default(), ..asked(&tenant, "R-a") };
        change(&mut request);
        let plan = self.plan(&request).await;
        self.act(&request, &plan).await.expect("what was planned is done");
        self.dispatcher.pass_until_concluded().await;
        let mails = self.sink.mails();
        assert_eq!(mails.len(), before + 1, "one mail");
        self.dispatcher.database.clock.advance(Duration::from_mins(2));
        (plan, mails.into_iter().next_back().expect("it was sent"))
    }

    async fn note(&self, what: &str) -> bool {
        let notes = self.dispatcher.database.texts("SELECT who || ': ' || what FROM delivery_note").await;
        notes.iter().any(|note| note.starts_with(WHO) && note.contains(what))
    }
}

fn attachments(mail: &SunkMail) -> usize {
    let parsed = mailparse::parse_mail(&mail.bytes).expect("the mail is one");
    parsed.parts().filter(|part| part.ctype.mimetype == "application/pdf").count()
}

fn content(plan: &ResendPlan) -> (Plan, Reason) {
    let content = plan.content.as_ref().expect("it can be seen from here");
    (content.plan, content.reason)
}

fn link_cause(plan: &ResendPlan) -> Option<LinkCause> {
    plan.content.as_ref().expect("it can be seen from here").link_cause
}

async fn the_plan_is_what_happens(database: TestDatabase) {
    let mut sent = Sent::new(database).await;
    let (plan, mail) = sent.resend(None, |_| {}).await;
    assert_eq!(
        (plan.original_is, plan.address),
        (DeliveryState::Concluded(Concluded::Sent), AddressOrigin::AsRecorded)
    );
    assert_eq!(content(&plan), (Plan::Attach, Reason::BusinessCustomer));
    assert_eq!(plan.content.as_ref().expect("seen").documents.len(), attachments(&mail));
    let to: Vec<&str> = plan.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    assert_eq!(to, ["C-1@customer.example"]);
    assert!(matches!(plan.warnings.as_slice(), [ResendWarning::SentAt(_)]), "{:?}", plan.warnings);
    assert!(plan.differences.is_empty(), "nothing has changed since: {:?}", plan.differences);
    assert_eq!((plan.links_to_revoke, plan.fault), (0, None));

    // The settings change: the same request is another plan, and the mail follows it.
    sent.dispatcher.set_policy("acme", "exclude").await;
    let (plan, mail) = sent.resend(None, |_| {}).await;
    assert_eq!(content(&plan).1, Reason::PolicyExclude);
    assert_eq!(attachments(&mail), 0);
    assert!(plan.differences.contains(&ResendDifference::Decision { was: Decision::Attach }), "{:?}", plan.differences);
    let versions =
        plan.differences.iter().any(|one| matches!(one, ResendDifference::SettingsVersion { was, is } if was < is));
    assert!(versions, "{:?}", plan.differences);
    sent.dispatcher.finish().await;
}

async fn a_new_address_gets_a_link_unless_that_is_confirmed(database: TestDatabase) {
    let mut sent = Sent::new(database).await;
    let new = Some("else@where.example");
    let (plan, mail) = sent.resend(new, |_| {}).await;
    assert_eq!((plan.address, content(&plan).1), (AddressOrigin::New, Reason::LinkOnly));
    assert_eq!(link_cause(&plan), Some(LinkCause::NewAddress), "nobody asked for it");
    let offered = |plan: &ResendPlan| plan.content.as_ref().is_some_and(|content| content.attaching_needs_confirmation);
    assert!(offered(&plan), "the settings would attach");
    assert!(plan.warnings.contains(&ResendWarning::NewAddress));
    let was = plan.differences.iter().any(|one| matches!(one, ResendDifference::Recipients { was } if was.len() == 1));
    assert!(was, "{:?}", plan.differences);
    assert_eq!((attachments(&mail), plan.links_to_revoke), (0, 0), "there was no link yet");
    assert!(sent.note(NEW_ADDRESS_NOTE).await, "the timeline says on whose word");

    // Kept on request, then revoked.
    let keep = |request: &mut ResendRequest<'_>| request.confirmed.keep_links = true;
    let (plan, _) = sent.resend(Some("third@where.example"), keep).await;
    assert_eq!(link_cause(&plan), Some(LinkCause::NewAddress));
    let open = "SELECT COUNT(*) FROM portal_link WHERE revoked_at IS NULL";
    assert_eq!((plan.links_to_revoke, sent.dispatcher.database.number(open).await), (0, 2));
    let attach = |request: &mut ResendRequest<'_>| request.confirmed.attach_to_new_address = true;
    let (plan, mail) = sent.resend(new, attach).await;
    assert_eq!((content(&plan), attachments(&mail)), ((Plan::Attach, Reason::BusinessCustomer), 1));
    assert_eq!(link_cause(&plan), None);
    assert_eq!((plan.links_to_revoke, sent.dispatcher.database.number(open).await), (2, 0));

    // What the settings forbid, no confirmation allows.
    sent.dispatcher.set_policy("acme", "exclude").await;
    let (plan, mail) = sent.resend(new, attach).await;
    assert_eq!((content(&plan).1, attachments(&mail), offered(&plan)), (Reason::PolicyExclude, 0, false));
    // Without it the settings still decide before the address does.
    let (plan, _) = sent.resend(new, |_| {}).await;
    assert_eq!((content(&plan).1, link_cause(&plan)), (Reason::PolicyExclude, None));
    sent.dispatcher.finish().await;
}

async fn an_address_of_the_event_is_not_new(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let recipients = [("to", "ap@customer.example"), ("cc", "Copy@Customer.example")];
    dispatcher.take(&[dispatcher.event_to("a", &recipients)]).await;
    dispatcher.wait_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_mins(4));
    let mut sent = Sent { dispatcher, sink, tenant: TenantId::from("acme") };
    for known in ["copy@customer.example", "AP@customer.example"] {
        let (plan, mail) = sent.resend(Some(known), |_| {}).await;
        assert_eq!((plan.address, attachments(&mail)), (AddressOrigin::NamedAndKnown, 1), "{known}");
    }
    assert!(!sent.note(NEW_ADDRESS_NOTE).await);
    sent.dispatcher.finish().await;
}

async fn a_person_narrows_and_never_widens(database: TestDatabase) {
    let mut sent = Sent::new(database).await;
    let (plan, mail) = sent.resend(None, |request| request.link_only = true).await;
    assert_eq!((content(&plan).1, attachments(&mail)), (Reason::LinkOnly, 0));
    assert_eq!(link_cause(&plan), Some(LinkCause::AskedFor));
    let asked_for = |request: &mut ResendRequest<'_>| request.link_only = true;
    let (plan, _) = sent.resend(Some("else@where.example"), asked_for).await;
    assert_eq!((plan.address, link_cause(&plan)), (AddressOrigin::New, Some(LinkCause::AskedFor)));
    // By policy and by level, whatever is confirmed.
    for (policy, level) in [("exclude", "sensitive"), ("exclude_for_private", "every_page")] {
        sent.dispatcher.set_policy("acme", policy).await;
        sent.dispatcher.set_settings("acme", &format!("portal_level = '{level}'")).await;
        let confirmed = ResendConfirmations { attach_to_new_address: true, keep_links: true, soon: true };
        let (plan, mail) = sent.resend(None, |request| request.confirmed = confirmed).await;
        let decided = content(&plan).0.decision() == Decision::Attach;
        assert_eq!(decided, attachments(&mail) > 0, "{policy} {level}");
        assert_eq!(decided, policy != "exclude", "{policy} {level}");
    }
    sent.dispatcher.finish().await;
}

/// Who wanted the links of the timeline that the settings would not have sent, the oldest first.
async fn link_causes(sent: &Sent) -> Vec<Option<LinkCause>> {
    let store = &sent.dispatcher.app.store;
    let history = InvoiceHistory::read(store, &sent.tenant, "R-a", &TenantScope::All).await.expect("answered");
    let history = history.expect("it is known");
    let [document] = history.documents.as_slice() else { panic!("{:?}", history.documents) };
    let entries = timeline(document, &Reader::of(true, []));
    let link_only = entries.into_iter().filter_map(|entry| match entry.event {
        TimelineEvent::Decided { reason: Reason::LinkOnly, link_cause, .. } => Some(link_cause),
        _ => None,
    });
    link_only.collect()
}

async fn who_wanted_a_link_is_known_after_an_erasure(database: TestDatabase) {
    let mut sent = Sent::new(database).await;
    sent.resend(Some("else@where.example"), |_| {}).await;
    sent.resend(Some("third@where.example"), |request| request.link_only = true).await;
    let expected = [Some(LinkCause::NewAddress), Some(LinkCause::AskedFor)];
    assert_eq!(link_causes(&sent).await, expected);

    let customer = CustomerId::from("C-1");
    let erased = sent.dispatcher.app.store.erase_customer(&sent.tenant, &customer, &actor(WHO)).await;
    assert!(matches!(erased, Ok(Erased::Done { deliveries: 3, .. })), "{erased:?}");
    assert!(!sent.note("with a link").await, "the sentence ends where its reason began");
    assert_eq!(link_causes(&sent).await, expected);
    sent.dispatcher.finish().await;
}

async fn two_at_once_make_one_resend(database: TestDatabase) {
    let sent = Sent::new(database).await;
    let request = sent.request(None);
    let plan = sent.plan(&request).await;
    let (one, other) = tokio::join!(sent.act(&request, &plan), sent.act(&request, &plan));
    let made = [&one, &other].into_iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(made, 1, "{one:?} {other:?}");
    let refused = [one, other].into_iter().find_map(Result::err).expect("the second one");
    assert!(matches!(refused, ResendError::TooSoon { .. }), "{refused:?}");
    // Nor does a confirmation make the same form a second wish.
    let soon = ResendConfirmations { soon: true, ..ResendConfirmations::default() };
    let again = sent.act(&ResendRequest { confirmed: soon, ..request.clone() }, &plan).await;
    assert!(matches!(again, Err(ResendError::TooSoon { .. })), "{again:?}");
    sent.dispatcher.pass_until_concluded().await;
    assert_eq!(sent.dispatcher.database.number(SENT).await, 2);
    sent.dispatcher.finish().await;
}

async fn a_second_resend_within_a_minute_is_confirmed(database: TestDatabase) {
    let sent = Sent::new(database).await;
    let request = sent.request(None);
    let first = sent.act(&request, &sent.plan(&request).await).await.expect("it is sent again");
    sent.dispatcher.wait_until_concluded().await;
    let now = sent.dispatcher.database.clock.now();
    let plan = sent.plan(&request).await;
    let within = plan.resent_just_now.is_some_and(|(_, at)| now.since(at) < Duration::from_mins(1));
    assert!(within, "the person is shown that: {plan:?}");
    let refused = sent.act(&request, &plan).await.expect_err("it was sent a moment ago");
    assert!(matches!(refused, ResendError::TooSoon { delivery, .. } if delivery == first.delivery), "{refused:?}");
    let unplanned = sent.dispatcher.app.resend.resend(&request).await.expect_err("without a plan, too");
    assert!(matches!(unplanned, ResendError::TooSoon { .. }), "{unplanned:?}");
    let soon = ResendConfirmations { soon: true, ..ResendConfirmations::default() };
    sent.act(&ResendRequest { confirmed: soon, ..request.clone() }, &plan).await.expect("it is meant");
    sent.dispatcher.finish().await;
}

async fn a_plan_that_does_not_hold_any_more_does_nothing(database: TestDatabase) {
    let sent = Sent::new(database).await;
    let request = sent.request(None);
    let plan = sent.plan(&request).await;
    let changes = [
        "UPDATE tenant_settings SET sensitive_attachments = 'exclude', version = version + 1",
        "UPDATE customer SET address = 'moved@customer.example' WHERE id = 'C-1'",
        "UPDATE tenant_settings SET portal_level = 'every_page', version = version + 1",
    ];
    let mut last = plan.digest.clone();
    for change in changes {
        sent.dispatcher.database.execute(change).await;
        let refused = sent.act(&request, &plan).await.expect_err("it is not what was planned");
        let ResendError::PlanChanged(now) = refused else { panic!("{change}: {refused:?}") };
        assert_ne!(now.digest, last, "{change}");
        last.clone_from(&now.digest);
    }
    // What the person chose is part of it.
    let narrowed = ResendRequest { link_only: true, ..request.clone() };
    let plan = sent.plan(&request).await;
    assert!(matches!(sent.act(&narrowed, &plan).await, Err(ResendError::PlanChanged(_))));
    assert_eq!(sent.dispatcher.database.number("SELECT COUNT(*) FROM delivery").await, 1, "nothing was made");
    sent.act(&request, &plan).await.expect("this one holds");
    sent.dispatcher.finish().await;
}

async fn what_is_being_sent_is_waited_for(database: TestDatabase) {
    let gate = Gate::closed();
    let sink = Sink::scripted(Script::new().once(Step::Dot, Act::Wait(gate.clone()))).await;
    let relay = relay("default", &sink).with(|config| config.deadlines.final_dot = Duration::from_mins(5));
    let mut dispatcher = Dispatcher::with(database, &[relay]).await;
    dispatcher.start();
    dispatcher.take(&[dispatcher.event("a", "C-1")]).await;
    sink.wait_for("the message", |state| state.count(Step::Data) == 1).await;
    let tenant = TenantId::from("acme");
    let request = asked(&tenant, "R-a");
    let refused = dispatcher.app.resend.plan(&request).await.expect_err("a worker has it");
    assert!(matches!(refused, ResendError::Sending(_)), "{refused:?}");
    gate.open();
    dispatcher.wait_until_concluded().await;
    dispatcher.app.resend.plan(&request).await.expect("it has ended");
    dispatcher.finish().await;
}

async fn a_paused_tenant_and_a_late_invoice_are_warned_of(database: TestDatabase) {
    let sink = Sink::start().await;
    let mut dispatcher = Dispatcher::new(database, &sink).await;
    dispatcher.start();
    let mut event = dispatcher.event("a", "C-1");
    event["data"]["invoice"]["due_date"] = "2026-11-22".into();
    dispatcher.take(&[event]).await;
    dispatcher.wait_until_concluded().await;
    dispatcher.database.clock.advance(Duration::from_hours(24 * 30));
    let sent = Sent { dispatcher, sink, tenant: TenantId::from("acme") };
    sent.dispatcher.app.store.pause_tenant(&sent.tenant, &actor(WHO), "wrong amounts").await.expect("answered");
    sent.dispatcher.set_policy("acme", "exclude").await;
    sent.dispatcher.set_settings("acme", "portal_level = 'inaccessible'").await;
    let request = sent.request(None);
    let plan = sent.plan(&request).await;
    for warning in [
        ResendWarning::TenantPaused("wrong amounts".to_owned()),
        ResendWarning::Overdue,
        ResendWarning::DocumentsNowhere,
    ] {
        assert!(plan.warnings.contains(&warning), "{warning:?}: {:?}", plan.warnings);
    }
    assert_eq!(content(&plan).0, Plan::Link { access: PortalAccess::Closed });
    // It is made, and waits with the tenant's others.
    let made = sent.act(&request, &plan).await.expect("it is made");
    let stands = sent
        .dispatcher
        .app
        .store
        .delivery(made.delivery, &TenantScope::All)
        .await
        .expect("answered")
        .expect("it is known");
    assert_eq!((stands.state, stands.held.as_deref()), (DeliveryState::Due, Some("tenant paused")));
    sent.dispatcher.app.store.resume_tenant(&sent.tenant, &actor(WHO)).await.expect("answered");
    sent.dispatcher.pass_until_concluded().await;
    assert_eq!(sent.sink.mails().len(), 2);
    sent.dispatcher.finish().await;
}
