//! What settings mean, before they are saved: what each type of customer gets and is asked, and what is to be warned of.
//!
//! It is the decision itself that is asked, for each kind of customer: what is told here is what would happen.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::invoice_route::{InvoiceRoute, ordinary_inputs};
use crate::model::customer::{CustomerType, VerificationRecord, usable_methods};
use crate::model::customer_group::CustomerGroup;
use crate::model::reason::ReasonCode;
use crate::model::settings::{PortalLevel, Settings, VerificationMethod};
use crate::model::verification::VerificationConfig;
use crate::policy::decision::{PortalAccess, PortalTerms};

/// What settings mean for a tenant's customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequences {
    /// What a private and a business customer gets, in this order.
    pub rows: [TypeConsequence; 2],
    /// What to know before they hold, the most serious first; they can be saved nonetheless.
    pub warnings: Vec<PolicyWarning>,
}

/// What settings mean for customers of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeConsequence {
    /// A customer of unknown type counts as private.
    pub customer_type: CustomerType,
    /// What becomes of an ordinary invoice, for a customer whose record is complete.
    pub route: InvoiceRoute,
    /// What the portal asks of them, also where the email holds the documents: earlier links lead there.
    pub access: PortalAccess,
    /// How many they are today.
    pub customers: i64,
    /// How many of them have no known type.
    pub of_unknown_type: i64,
    /// How many of them would get a link and can be verified by no method: their invoices become dead letters.
    pub unverifiable: i64,
}

/// One thing to know before settings are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyWarning {
    /// What it is.
    pub code: PolicyWarningCode,
    /// Of a method that some cannot use: which.
    pub method: Option<VerificationMethod>,
    /// How many of the tenant's customers it is about today.
    pub customers: i64,
}

/// What can be warned of, the most serious first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PolicyWarningCode {
    /// Documents are neither attached nor shown in the portal.
    DocumentsReachableNowhere,
    /// The same for business customers: their invoices were never transmitted.
    InvoiceNotTransmitted,
    /// Customers who would get a link can be verified by nothing.
    NoVerificationMethod,
    /// A method needs text messages, and there is no provider.
    NoSmsProvider,
    /// The portal verifies no customer.
    NoVerification,
    /// The email holds the documents that the portal hides, or shows after verification only.
    AttachmentsBypassPortal,
    /// Customers whom the portal asks cannot use one of the methods.
    MethodNotUsable,
}

impl PolicyWarning {
    /// The sentence for people, with the method that it is about.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.method {
            Some(method) => format!("{method}: {}", self.code.detail()),
            None => self.code.detail().to_owned(),
        }
    }
}

impl Serialize for PolicyWarning {
    /// `code` for programs, `detail` for people, and how many customers it is about.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("PolicyWarning", 4)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("detail", self.code.detail())?;
        if let Some(method) = &self.method {
            fields.serialize_field("method", method)?;
        }
        fields.serialize_field("customers", &self.customers)?;
        fields.end()
    }
}

impl PolicyWarningCode {
    /// The sentence for people.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::DocumentsReachableNowhere => {
                "documents are neither attached nor shown in the portal: the customer can reach them nowhere, and the \
                 mail names your contact instead"
            }
            Self::InvoiceNotTransmitted => {
                "business customers are sent a mail without the invoice and cannot open it in the portal: such an \
                 invoice was never transmitted to them, and they may refuse to pay it"
            }
            Self::NoVerificationMethod => {
                "customers who must be verified have nothing on record to be verified by: their invoices become dead \
                 letters until the records are completed"
            }
            Self::NoSmsProvider => {
                "a one-time password by SMS is chosen, and no SMS provider is configured: nobody can be verified by it"
            }
            Self::NoVerification => {
                "the portal verifies no customer: whoever has the email, or the link in it, has the documents"
            }
            Self::AttachmentsBypassPortal => {
                "documents leave by email as attachments although the portal hides them or asks for verification first: \
                 whoever reads the mailbox has them"
            }
            Self::MethodNotUsable => {
                "customers who are asked for verification cannot use this method: it is missing on their record, or no \
                 text message can be sent to their number"
            }
        }
    }
}

/// What `settings` mean for a tenant whose customers are these.
#[must_use]
pub fn consequences(
    settings: Settings,
    customers: &[CustomerGroup],
    verification: &VerificationConfig,
) -> Consequences {
    let asked = Asked { settings, customers, verification };
    let rows = [CustomerType::Private, CustomerType::Business].map(|kind| asked.row(kind));
    Consequences { warnings: asked.warnings(&rows), rows }
}

/// What is to be known of `settings`, for a tenant whose customers are these.
#[must_use]
pub fn policy_warnings(
    settings: Settings,
    customers: &[CustomerGroup],
    verification: &VerificationConfig,
) -> Vec<PolicyWarning> {
    consequences(settings, customers, verification).warnings
}

/// What is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    settings: Settings,
    customers: &'a [CustomerGroup],
    verification: &'a VerificationConfig,
}

impl Asked<'_> {
    fn row(self, customer_type: CustomerType) -> TypeConsequence {
        let is_business = customer_type == CustomerType::Business;
        let of_type = |group: &CustomerGroup| (group.kind == Some(CustomerType::Business)) == is_business;
        TypeConsequence {
            customer_type,
            route: self.route_of_complete_record(customer_type),
            access: PortalAccess::of(self.settings.portal_authentication.level, Some(customer_type)),
            customers: self.count(of_type),
            of_unknown_type: self.count(|group| of_type(group) && group.kind.is_none()),
            unverifiable: self.count(|group| of_type(group) && self.route(group) == UNVERIFIABLE),
        }
    }

    /// Text messages reach whoever has a number, if there is a provider.
    fn route_of_complete_record(self, customer_type: CustomerType) -> InvoiceRoute {
        let record = VerificationRecord { postcode_house_number: true, mobile: true, ..VerificationRecord::default() };
        let sends_sms = self.verification.sends_sms();
        InvoiceRoute::of(&ordinary_inputs(self.settings, Some(customer_type), record, sends_sms))
    }

    fn route(self, group: &CustomerGroup) -> InvoiceRoute {
        let CustomerGroup { kind, record, .. } = *group;
        InvoiceRoute::of(&ordinary_inputs(self.settings, kind, record, self.verification.reaches(record)))
    }

    fn count(self, meant: impl Fn(&CustomerGroup) -> bool) -> i64 {
        self.customers.iter().filter(|group| meant(group)).map(|group| group.count).sum()
    }

    /// Whether the portal asks these customers for verification.
    fn are_asked(self, group: &CustomerGroup) -> bool {
        PortalAccess::of(self.settings.portal_authentication.level, group.kind).verifies()
    }

    /// What the types of customers alone show is worth saying also while the tenant has no customers yet.
    fn warnings(self, rows: &[TypeConsequence; 2]) -> Vec<PolicyWarning> {
        use PolicyWarningCode as Code;
        let level = self.settings.portal_authentication.level;
        let business = &rows[1];
        let bypasses = |route, access| route == InvoiceRoute::Attached && access != PortalAccess::Open;
        let mut warnings = Vec::new();
        let mut warn = |code, method, customers| warnings.push(PolicyWarning { code, method, customers });
        if rows.iter().any(|row| reaches_nothing(row.route)) {
            let customers = self.count(|group| reaches_nothing(self.route(group)));
            warn(Code::DocumentsReachableNowhere, None, customers);
        }
        if reaches_nothing(business.route) {
            warn(Code::InvoiceNotTransmitted, None, business.customers);
        }
        let unverifiable = rows.iter().map(|row| row.unverifiable).sum();
        if unverifiable > 0 {
            warn(Code::NoVerificationMethod, None, unverifiable);
        }
        for method in self.methods() {
            let cannot = |group: &CustomerGroup| self.are_asked(group) && !self.can_use(group, method);
            match self.count(cannot) {
                customers if method == VerificationMethod::SmsOtp && !self.verification.sends_sms() => {
                    warn(Code::NoSmsProvider, Some(method), customers);
                }
                0 => {}
                customers => warn(Code::MethodNotUsable, Some(method), customers),
            }
        }
        if level == PortalLevel::NotRequired {
            warn(Code::NoVerification, None, self.count(|_| true));
        }
        if rows.iter().any(|row| bypasses(row.route, row.access)) {
            let customers = self.count(|group| bypasses(self.route(group), PortalAccess::of(level, group.kind)));
            warn(Code::AttachmentsBypassPortal, None, customers);
        }
        warnings.sort_by_key(|warning| warning.code);
        warnings
    }

    /// The methods that are asked for; at a level that verifies nobody, none.
    fn methods(self) -> impl Iterator<Item = VerificationMethod> {
        let portal = self.settings.portal_authentication;
        [portal.primary, portal.secondary].into_iter().flatten().filter(move |_| portal.level.verifies())
    }

    fn can_use(self, group: &CustomerGroup, method: VerificationMethod) -> bool {
        usable_methods(group.record, &self.settings, self.verification).contains(&method)
    }
}

const UNVERIFIABLE: InvoiceRoute = InvoiceRoute::NotSent(ReasonCode::NoVerificationMethod);

fn reaches_nothing(route: InvoiceRoute) -> bool {
    matches!(route, InvoiceRoute::Linked(PortalTerms { access: PortalAccess::Closed, .. }))
}

#[cfg(test)]
mod tests;
