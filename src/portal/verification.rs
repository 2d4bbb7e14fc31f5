//! `/invoices/{root}/verification`: a visitor proves to be the customer.
//!
//! The method is chosen once for each verification ([`crate::store::Store::begin_portal_verification`]) and stays,
//! whatever fails. An answer is counted before it is compared ([`crate::store::Store::admit_verification`]), and the right
//! one gives the session a new id.

use std::time::Duration;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::warn;

use super::Portal;
use super::code::{CodeSent, WantedCode};
use super::guard::{self, GuardedVisit, invoice_path};
use super::invoice::RootPath;
use super::language::PageLanguage;
use super::pages::{self, CodePage, CodeProblem, CodeStage, PostcodePage};
use super::session::{OpenSession, Visitor};
use crate::model::ids::DeliveryId;
use crate::model::portal_event::PortalEventKind;
use crate::model::settings::VerificationMethod;
use crate::model::verification_key::VerificationKeys;
use crate::policy::decision::PortalAccess;
use crate::secrets::{OneTimeCode, SessionId};
use crate::sms::SmsSender;
use crate::store::{
    BegunVerification, MethodChoice, NewPortalEvent, NewVerification, SentCode, StoreError, VerificationAdmission,
    VerificationAttempt, VerificationOf,
};
use crate::telemetry::metric;

/// What a visitor sends: an answer, or the wish for a code.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AnswerForm {
    /// The session's.
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    postcode: String,
    #[serde(default)]
    house_number: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    action: String,
}

/// Asks for what the tenant's method asks for.
pub(super) async fn show(State(portal): State<Portal>, root: RootPath, visitor: Visitor) -> Response {
    match Verifying::begin(&portal, &visitor, root).await {
        Ok(verifying) => verifying.page(None).await.unwrap_or_else(|error| failed(&visitor, &error)),
        Err(instead) => instead,
    }
}

/// Takes an answer, or sends a code.
pub(super) async fn answer(
    State(portal): State<Portal>,
    root: RootPath,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<AnswerForm>, FormRejection>,
) -> Response {
    let Some(session) = visitor.session.as_ref().map(|open| open.session) else { return visitor.session_over() };
    let form = form.map(|Form(form)| form).unwrap_or_default();
    if portal.form_tokens.check(&headers, &portal.config.portal.url, session, &form.csrf).is_err() {
        return visitor.form_outdated();
    }
    match Verifying::begin(&portal, &visitor, root).await {
        Ok(verifying) => verifying.take(&form).await.unwrap_or_else(|error| failed(&visitor, &error)),
        Err(instead) => instead,
    }
}

fn failed(visitor: &Visitor, error: &StoreError) -> Response {
    warn!("failed to verify a visitor: {error}");
    visitor.later()
}

/// Why the last answer was not the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerProblem {
    /// Nothing was entered that could be right; it was not compared.
    Missing,
    Wrong,
    NotSent {
        may_arrive: bool,
    },
    Limited(Duration),
}

/// A visitor who claims to be the customer, and is not verified.
struct Claimant<'v> {
    portal: &'v Portal,
    visitor: &'v Visitor,
    session: &'v OpenSession,
    network: String,
    guarded: GuardedVisit,
    language: PageLanguage,
}

impl<'v> Claimant<'v> {
    /// The visitor; or the answer that they get instead, since nothing is to be proven.
    async fn of(portal: &'v Portal, visitor: &'v Visitor, root: RootPath) -> Result<Self, Response> {
        let (Ok(Path(root)), Some(session)) = (root, &visitor.session) else { return Err(visitor.session_over()) };
        let guarded = guard::visit(portal, visitor, DeliveryId(root)).await;
        let guarded = guarded.map_err(|refusal| refusal.page(visitor))?;
        let language = visitor.language.for_customer(&guarded.visit.locale);
        if !guarded.shown().asks_verification() {
            return Err(redirect(&language.link(&invoice_path(guarded.visit.root)), None));
        }
        Ok(Self { portal, visitor, session, network: visitor.network(), guarded, language })
    }

    fn id(&self) -> VerificationOf<'_> {
        let invoice = &self.guarded.visit.invoice;
        VerificationOf { session: self.session.session, tenant: &invoice.tenant, customer: &invoice.customer }
    }

    fn attempt(&self) -> VerificationAttempt<'_> {
        let VerificationOf { tenant, customer, .. } = self.id();
        VerificationAttempt { root: self.guarded.visit.root, tenant, customer, network: Some(&self.network) }
    }

    /// What is on record now.
    fn keys(&self) -> &VerificationKeys {
        &self.guarded.visit.customer.keys
    }

    fn mobile(&self) -> &str {
        self.keys().mobile.as_deref().unwrap_or_default()
    }

    /// The page of who has to wait, if the visitor has to.
    async fn refusal_now(&self) -> Result<Option<Response>, StoreError> {
        let refusal = self.portal.store.verification_refusal(&self.attempt()).await?;
        Ok(refusal.and_then(|refusal| self.refusal_page(refusal)))
    }

    fn refusal_page(&self, refusal: VerificationAdmission) -> Option<Response> {
        let (now, layout) = (self.portal.store.now(), self.guarded.layout(self.visitor, None));
        match refusal {
            VerificationAdmission::Admitted { .. } => None,
            VerificationAdmission::Locked { until } => Some(pages::locked(&layout, until.since(now))),
            VerificationAdmission::TooMany { until } => Some(pages::too_many(&layout, until.since(now))),
        }
    }
}

/// A verification that has begun.
struct Verifying<'v> {
    claimant: Claimant<'v>,
    begun: BegunVerification,
}

impl<'v> Verifying<'v> {
    /// What the visitor is to be asked; or the answer that they get instead.
    async fn begin(portal: &'v Portal, visitor: &'v Visitor, root: RootPath) -> Result<Self, Response> {
        let claimant = Claimant::of(portal, visitor, root).await?;
        let failed = |error| failed(visitor, &error);
        if let Some(page) = claimant.refusal_now().await.map_err(failed)? {
            return Err(page);
        }
        let sms_is_down = portal.sms.as_ref().is_none_or(SmsSender::is_down);
        let choice = MethodChoice { usable: &claimant.guarded.methods, sms_is_down };
        let begun = portal.store.begin_portal_verification(claimant.id(), choice).await.map_err(failed)?;
        let Some(begun) = begun else { return Err(pages::no_method(&claimant.guarded.layout(visitor, None))) };
        let verifying = Self { claimant, begun };
        if begun.is_new {
            // Each new session may ask once more: a flood of them is recorded once in a while.
            let asked = verifying.event(PortalEventKind::VerificationAsked);
            portal.store.record_portal_event_once(&asked).await.map_err(failed)?;
        }
        Ok(verifying)
    }

    fn wanted_code(&self) -> WantedCode<'_> {
        WantedCode {
            of: self.claimant.id(),
            mobile: self.claimant.mobile(),
            network: &self.claimant.network,
            language: self.claimant.language.language.code(),
            tenant_name: &self.claimant.guarded.visit.profile.name,
        }
    }

    fn path(&self) -> String {
        format!("{}/verification", invoice_path(self.claimant.guarded.visit.root))
    }

    fn event(&self, kind: PortalEventKind) -> NewPortalEvent {
        NewPortalEvent {
            root: self.claimant.guarded.visit.root,
            kind,
            detail: Some(self.begun.method.to_string()),
            network: Some(self.claimant.network.clone()),
        }
    }

    async fn record(&self, kind: PortalEventKind) -> Result<(), StoreError> {
        self.claimant.portal.store.record_portal_event(&self.event(kind)).await
    }

    async fn take(self, form: &AnswerForm) -> Result<Response, StoreError> {
        match self.begun.method {
            VerificationMethod::PostcodeHouseNumber => {
                if form.postcode.trim().is_empty() && form.house_number.trim().is_empty() {
                    return self.page(Some(AnswerProblem::Missing)).await;
                }
                self.compare(async || Ok(self.claimant.keys().are_answered_by(&form.postcode, &form.house_number)))
                    .await
            }
            VerificationMethod::SmsOtp if form.action == "send_code" => self.send_code().await,
            VerificationMethod::SmsOtp => {
                let Some(code) = OneTimeCode::parse(&form.code) else {
                    return self.page(Some(AnswerProblem::Missing)).await;
                };
                let sent = SentCode { code: &code, mobile: self.claimant.mobile() };
                self.compare(async || {
                    self.claimant
                        .portal
                        .store
                        .enter_portal_code(self.claimant.id(), sent, &self.claimant.portal.code_keys)
                        .await
                })
                .await
            }
        }
    }

    /// Counts the answer, then compares it.
    async fn compare(&self, is_right: impl AsyncFnOnce() -> Result<bool, StoreError>) -> Result<Response, StoreError> {
        let (attempt, locks_if_wrong) =
            match self.claimant.portal.store.admit_verification(&self.claimant.attempt()).await? {
                VerificationAdmission::Admitted { attempt, locks_if_wrong } => (attempt, locks_if_wrong),
                refusal => {
                    let is_locked = matches!(refusal, VerificationAdmission::Locked { .. });
                    count("any", if is_locked { "locked" } else { "too_many" });
                    return Ok(self.claimant.refusal_page(refusal).unwrap_or_else(|| self.claimant.visitor.later()));
                }
            };
        if is_right().await? {
            self.claimant.portal.store.verification_succeeded(attempt, self.claimant.guarded.visit.root).await?;
            return self.succeed().await;
        }
        count(self.begun.method.into_str(), "failed");
        self.record(PortalEventKind::VerificationFailed).await?;
        if locks_if_wrong {
            self.record(PortalEventKind::Locked).await?;
        }
        match self.claimant.refusal_now().await? {
            Some(page) => Ok(page),
            None => self.page(Some(AnswerProblem::Wrong)).await,
        }
    }

    async fn succeed(&self) -> Result<Response, StoreError> {
        let id = SessionId::random();
        let VerificationOf { tenant, customer, .. } = self.claimant.id();
        let verification = NewVerification {
            tenant: tenant.clone(),
            customer: customer.clone(),
            method: self.begun.method,
            record_hmac: self.claimant.keys().hmac(&self.claimant.portal.record_keys),
        };
        let store = &self.claimant.portal.store;
        if !store.raise_portal_session(self.claimant.session.id_sha256, id.sha256(), &verification).await? {
            return Ok(self.claimant.visitor.session_over());
        }
        store.end_portal_verification(self.claimant.id()).await?;
        count(self.begun.method.into_str(), "passed");
        self.record(PortalEventKind::Verified).await?;
        let path = self.claimant.language.link(&invoice_path(self.claimant.guarded.visit.root));
        Ok(redirect(&path, Some(self.claimant.portal.cookie.set(&id))))
    }

    async fn send_code(&self) -> Result<Response, StoreError> {
        match self.wanted_code().send(self.claimant.portal).await? {
            // Asked for again, the page finds the code that is under way, or another method.
            CodeSent::Sent | CodeSent::NumberRefused => Ok(redirect(&self.claimant.language.link(&self.path()), None)),
            CodeSent::Limited(wait) => self.page(Some(AnswerProblem::Limited(wait))).await,
            CodeSent::NotSent { may_arrive } => self.page(Some(AnswerProblem::NotSent { may_arrive })).await,
        }
    }

    async fn page(&self, problem: Option<AnswerProblem>) -> Result<Response, StoreError> {
        let (path, back) = (self.path(), invoice_path(self.claimant.guarded.visit.root));
        let before_all = self.claimant.guarded.access == PortalAccess::EveryPageVerified;
        let back = (!before_all).then_some(back.as_str());
        // The answer to a form cannot be asked for again.
        let layout = self.claimant.guarded.layout(self.claimant.visitor, problem.is_none().then_some(path.as_str()));
        if self.begun.method == VerificationMethod::PostcodeHouseNumber {
            return Ok(pages::verify_postcode(
                &layout,
                &PostcodePage { path: &path, back, is_wrong: problem.is_some() },
            ));
        }
        // After an answer the field stays, also where the last code has just ended: the page says so, and offers another.
        let has_code = self.begun.has_live_code
            || matches!(
                problem,
                Some(AnswerProblem::Missing | AnswerProblem::Wrong | AnswerProblem::NotSent { may_arrive: true })
            );
        let stage = if has_code {
            CodeStage::Sent { again_after: self.wanted_code().wait(self.claimant.portal).await? }
        } else {
            CodeStage::ToSend
        };
        let mobile = self.claimant.mobile();
        let page = CodePage {
            path: &path,
            back,
            last_digits: mobile.get(mobile.len().saturating_sub(2)..).filter(|_| !before_all),
            stage,
            problem: problem.map(|problem| match problem {
                AnswerProblem::Missing => CodeProblem::Missing,
                AnswerProblem::Wrong => CodeProblem::Wrong,
                AnswerProblem::NotSent { .. } => CodeProblem::NotSent,
                AnswerProblem::Limited(wait) => CodeProblem::Limit { wait },
            }),
        };
        Ok(pages::verify_code(&layout, &page))
    }
}

fn count(method: &'static str, result: &'static str) {
    metrics::counter!(metric::PORTAL_VERIFICATIONS, "method" => method, "result" => result).increment(1);
}

/// `303`: the next page is asked for by `GET`.
fn redirect(path: &str, cookie: Option<HeaderValue>) -> Response {
    let location = HeaderValue::try_from(path).expect("a path of ours fits a header");
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
