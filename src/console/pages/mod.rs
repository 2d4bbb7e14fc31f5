//! The operators' pages: plain data in, an answer out.
//!
//! A handler fills one view struct and calls the function beside it; the page sets status, type and language of its answer,
//! every other header is the router's. What a page offers follows from the layout's [`Principal`] by the same table that the
//! server allows by (`policy/permission.rs`): a handler does not say which buttons there are.
//!
//! Each page works without scripts. Where forms post to, and their fields (every form also bears `csrf`):
//!
//! | path | fields |
//! | --- | --- |
//! | `GET /work-list/news` | `since`, and the list's filter: what `work_list_news` answers |
//! | `GET /search.csv`, `/audit.csv` | as the page |
//! | `/sign-in` | `email`, `password`, `next` |
//! | `/sign-in/code` | `code` (of the app, or a recovery code) |
//! | `/invitation/{token}` | `name`, `password`, `password_again` |
//! | `/account/totp` | `code`, `secret_seal` |
//! | `/account/password` | `current`, `password`, `password_again` |
//! | `/account/recovery-codes` | `code` |
//! | `/account/sessions/{id}/end`, `/account/sessions/end-others` | |
//! | `/language` | `language`, `next` |
//! | `/deliveries/{id}/acknowledge` | `next`: the list, if it was pressed there |
//! | `/deliveries/{id}/send-now` | |
//! | `/deliveries/{id}/cancel`, `/mark-sent`, `/revoke-links`, `/lift-lock` | `reason` |
//! | `GET /resend` | `delivery`, `to`, `link_only=1`, `keep_links=1`: the plan |
//! | `/resend` | the same, `reason`, `confirm_attach=1`, `confirm_soon=1`, `idempotency_key` |
//! | `/tenants/{id}/pause`, `/tenants/{id}/resume` | `reason` |
//! | `GET /settings/portal` | `tenant`, and what is chosen: `level`, `primary`, `secondary`, `attachments`: the consequences |
//! | `GET /settings/portal/mail`, `/mail/html`, `/page` | the same, `customer` (`private`, `business`); `step` of the page |
//! | `/settings/portal` | `tenant`, what is chosen, `version`, `reason` |
//! | `/settings/portal/restore` | `tenant`, `version` (today's), `restore` (the old one's), `reason` |
//! | `/settings/portal/test` | `tenant`, what is chosen, `customer` |
//! | `/operators` | `email`, `name`, `role`, `tenants` (ids, one a line or by commas; empty: all) |
//! | `/operators/{id}` | `role`, `tenants` |
//! | `/operators/{id}/invite`, `/reset-totp`, `/disable`, `/enable` | |
//! | `/tokens` | `name`, `role`, `tenants`, `expires_in_days` (empty: a year) |
//! | `/tokens/{id}/revoke` | |
//!
//! After a change: 303 to a page with `?done=` and an [`ActionDone`], which says so.

mod account;
mod answer;
mod audit;
mod customer;
mod enrolment;
mod format;
mod icon;
mod invoice;
mod layout;
mod note_text;
mod notice;
mod operators;
mod portal_settings;
mod resend;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod samples_of_invoices;
#[cfg(test)]
mod samples_of_settings;
mod search;
mod sent_mail;
mod settings_foreseen;
mod settings_mail;
mod sign_in;
mod tenant_choice;
mod tenants;
#[cfg(test)]
mod tests;
mod timeline;
mod tokens;
mod work_list;

pub use super::terms::{
    ActionDone, EnrolmentProblem, InvoiceAction, InvoiceStanding, MatchedBy, MessageProof, NavItem, OperatorProblem,
    ResendProblem, SettingsProblem, TestProblem, TokenProblem,
};
pub use account::{AccountPage, AccountProblem, SessionRow, account};
pub use audit::{AuditChange, AuditFilter, AuditPage, AuditRow, audit};
pub use customer::{CustomerInvoiceRow, CustomerLinkRow, CustomerPage, VerificationLock, customer};
pub use enrolment::{InvitationPage, RecoveryCodesPage, TotpSetUpPage, invitation, recovery_codes, totp_set_up};
pub use invoice::{DocumentFact, InvoiceFacts, InvoiceNumberPage, InvoiceSection, LinkFact, RecipientFact, invoice};
pub use layout::{ConsoleLayout, SignedOutLayout, TenantName};
pub use notice::{
    conflict, cursor_unknown, failed, forbidden, form_outdated, form_unreadable, invitation_unknown, not_found,
    session_over, too_many, unavailable,
};
pub use operators::{InvitationLink, OperatorForm, OperatorRow, OperatorState, OperatorsPage, operators};
pub use portal_settings::{PortalSettingsPage, SettingsPreviews, SettingsVersionRow, portal_settings};
pub use resend::{PlanDifference, PlanWarning, PlannedResend, ResendForm, ResendPage, ResendRefusal, resend};
pub use search::{CustomerHit, SearchHit, SearchPage, search};
pub use sent_mail::{SentAttachment, SentMailPage, mail_frame, sent_mail};
pub use settings_foreseen::{ConsequenceRow, ForeseenSettings, SettingsWarning, WhatIf, WhatIfAnswer};
pub use settings_mail::{SampleMail, SettingsMailPage, settings_mail};
pub use sign_in::{CodeEntryPage, SignInPage, SignInProblem, sign_in, sign_in_code};
pub use tenant_choice::{TenantChoicePage, tenant_choice};
pub use tenants::{PausedTenant, TenantListRow, TenantPage, TenantsPage, tenant, tenants};
pub use timeline::{TimelineEntry, TimelineEvent};
pub use tokens::{NewToken, TokenRow, TokensPage, tokens};
pub use work_list::{Acknowledgement, WorkFilter, WorkListPage, WorkRow, work_list, work_list_news};
