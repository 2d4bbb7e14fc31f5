//! `/settings/portal/test`: the email that customers would get, to the signed-in person's own address.

use axum::extract::State;

use super::settings_fields::{SettingsFields, choice_query};
use super::{ChosenTenant, ShownDraft, page};
use crate::console::Console;
use crate::console::answers::HandlerAnswer;
use crate::console::pages::{ActionDone, SettingsProblem, TestProblem};
use crate::console::signed::{SignedForm, see_other};
use crate::operator::test_mail::{TestNotSent, TestRequest};
use crate::policy::permission::Permission;

pub(in crate::console) async fn send(
    State(console): State<Console>,
    SignedForm { signed, form: fields }: SignedForm<SettingsFields>,
) -> HandlerAnswer {
    signed.require(Permission::ChangeSettings)?;
    let chosen = ChosenTenant::read(&console, &signed, &fields).await?;
    let draft = fields.draft(chosen.saved.settings);
    let shown = |problem| ShownDraft::of(&fields, draft, Some(problem));
    if let Err(invalid) = draft.validate() {
        return page(&console, &signed, &chosen, shown(SettingsProblem::Invalid(invalid))).await;
    }
    let (tenant, who) = (&chosen.tenant, signed.actor());
    let request = TestRequest { tenant, settings: draft, customer_type: fields.customer_type(), who: &who };
    let problem = match console.test_sender.send(&request).await {
        Ok(()) => {
            // What was chosen and not saved stays on the page.
            let query = choice_query(&tenant.id, draft);
            return Ok(see_other(&format!("/settings/portal?{query}&done={}", ActionDone::TestSent.into_str())));
        }
        Err(TestNotSent::Store(error)) => return Err(signed.failed(&error)),
        Err(TestNotSent::Refused(words)) => {
            let shown = ShownDraft { reply: Some(&words), ..shown(SettingsProblem::Test(TestProblem::Refused)) };
            return page(&console, &signed, &chosen, shown).await;
        }
        Err(TestNotSent::TooSoon) => TestProblem::TooSoon,
        Err(TestNotSent::NoMail(_)) => TestProblem::NoMail,
        Err(TestNotSent::NoRelay(_)) => TestProblem::NoRelay,
        Err(TestNotSent::Unmakeable(_) | TestNotSent::NoAddress) => TestProblem::Unmakeable,
        Err(TestNotSent::Unreachable) => TestProblem::Unreachable,
        Err(TestNotSent::Unanswered) => TestProblem::Unanswered,
    };
    page(&console, &signed, &chosen, shown(SettingsProblem::Test(problem))).await
}
