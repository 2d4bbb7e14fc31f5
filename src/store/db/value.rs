//! Values on their way into the database, and out of it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use super::error::StoreError;
use crate::clock::Timestamp;
use crate::model::access::{InvitationKind, Role, SessionStage};
use crate::model::audit::AuditAction;
use crate::model::customer::CustomerType;
use crate::model::ids::{
    CustomerId, DeadLetterId, DeliveryId, EventKey, OperatorId, RelayName, TenantId, TokenId, WorkerId,
};
use crate::model::incoming::Via;
use crate::model::invoice_kind::InvoiceKind;
use crate::model::logo::LogoFormat;
use crate::model::portal_event::PortalEventKind;
use crate::model::reason::ReasonCode;
use crate::model::reply::Phase;
use crate::model::settings::{PortalLevel, SensitiveAttachments, VerificationMethod};
use crate::model::state::{
    BreakerState, Concluded, DeadLetterState, Decision, DeliveryRole, DeliveryState, EventState,
};
use crate::model::verification_key::CallingCode;
use crate::model::work::WorkKind;
use crate::policy::decision::{PortalAccess, Reason};
use crate::policy::sender_trial::HoldReason;
use crate::sha256::Sha256;

/// A value on its way into the database. `None` is NULL, which has a type too.
#[derive(Debug, Clone)]
pub(crate) enum Value<'v> {
    Uuid(Option<Uuid>),
    Text(Option<Cow<'v, str>>),
    Integer(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Cow<'v, [u8]>>),
}

/// A row out of either database.
#[derive(Debug)]
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Row {
    pub(crate) fn get<T: ColumnValue>(&self, name: &str) -> Result<T, StoreError> {
        T::read(self, name)
    }

    /// The value of the column `name`, which holds JSON as text.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text: String = self.get(name)?;
        serde_json::from_str(&text).map_err(|error| StoreError::Unreadable(format!("the column {name}: {error}")))
    }

    fn raw<'r, T>(&'r self, name: &str) -> Result<T, StoreError>
    where
        T: Decode<'r, Postgres> + Type<Postgres> + Decode<'r, Sqlite> + Type<Sqlite>,
    {
        Ok(match self {
            Self::Postgres(row) => row.try_get(name)?,
            Self::Sqlite(row) => row.try_get(name)?,
        })
    }
}

/// What a column can be read as.
pub(crate) trait ColumnValue: Sized {
    /// Reads the column `name`; a missing or unreadable one is a fault of ours.
    fn read(row: &Row, name: &str) -> Result<Self, StoreError>;
}

/// Types that both databases decode by themselves.
macro_rules! plain {
    ($($type:ty),+) => {
        $(
            impl ColumnValue for $type {
                fn read(row: &Row, name: &str) -> Result<Self, StoreError> {
                    row.raw(name)
                }
            }

            impl ColumnValue for Option<$type> {
                fn read(row: &Row, name: &str) -> Result<Self, StoreError> {
                    row.raw(name)
                }
            }
        )+
    };
}
plain!(Uuid, String, i64, bool, Vec<u8>);

/// Types that are made of another column type, and may not fit.
macro_rules! made_of {
    ($type:ty, $raw:ty, |$value:ident| $make:expr) => {
        impl ColumnValue for $type {
            fn read(row: &Row, name: &str) -> Result<Self, StoreError> {
                let $value: $raw = row.get(name)?;
                $make.ok_or_else(|| misfit::<Self>(name))
            }
        }

        impl ColumnValue for Option<$type> {
            fn read(row: &Row, name: &str) -> Result<Self, StoreError> {
                let value: Option<$raw> = row.get(name)?;
                value.map(|$value| $make.ok_or_else(|| misfit::<$type>(name))).transpose()
            }
        }
    };
}
made_of!(Timestamp, i64, |millis| Some(Timestamp(millis)));
made_of!(DeliveryId, Uuid, |id| Some(DeliveryId(id)));
made_of!(DeadLetterId, Uuid, |id| Some(DeadLetterId(id)));
made_of!(EventKey, Uuid, |id| Some(EventKey(id)));
made_of!(WorkerId, Uuid, |id| Some(WorkerId(id)));
made_of!(OperatorId, Uuid, |id| Some(OperatorId(id)));
made_of!(TokenId, Uuid, |id| Some(TokenId(id)));
made_of!(TenantId, String, |text| Some(TenantId::from(text)));
made_of!(CustomerId, String, |text| Some(CustomerId::from(text)));
made_of!(RelayName, String, |text| Some(RelayName::from(text)));
made_of!(CallingCode, i64, |code| u16::try_from(code).ok().map(CallingCode));
made_of!(Sha256, Vec<u8>, |bytes| Sha256::from_slice(&bytes));

fn misfit<T>(name: &str) -> StoreError {
    StoreError::Unreadable(format!("the column {name} does not hold a {}", std::any::type_name::<T>()))
}

/// INTEGER columns are 32 bits wide on PostgreSQL; SQLite's are as wide as they must be.
impl ColumnValue for u32 {
    fn read(row: &Row, name: &str) -> Result<Self, StoreError> {
        let value: i32 = row.raw(name)?;
        value.try_into().map_err(|_| misfit::<Self>(name))
    }
}

macro_rules! text_values {
    ($($type:ty),+) => {
        $(
            impl<'v> From<&'v $type> for Value<'v> {
                fn from(value: &'v $type) -> Self {
                    Self::Text(Some(Cow::Borrowed(value.as_str())))
                }
            }

            impl<'v> From<Option<&'v $type>> for Value<'v> {
                fn from(value: Option<&'v $type>) -> Self {
                    Self::Text(value.map(|value| Cow::Borrowed(value.as_str())))
                }
            }

            impl<'v> From<&'v Option<$type>> for Value<'v> {
                fn from(value: &'v Option<$type>) -> Self {
                    value.as_ref().into()
                }
            }
        )+
    };
}
text_values!(String, TenantId, CustomerId, RelayName);

macro_rules! spelled {
    ($($type:ty),+) => {
        $(
            made_of!($type, String, |text| text.parse::<$type>().ok());

            impl From<$type> for Value<'_> {
                fn from(value: $type) -> Self {
                    Self::Text(Some(Cow::Borrowed(value.into_str())))
                }
            }

            impl From<Option<$type>> for Value<'_> {
                fn from(value: Option<$type>) -> Self {
                    Self::Text(value.map(|value| Cow::Borrowed(value.into_str())))
                }
            }
        )+
    };
}
spelled!(
    AuditAction,
    BreakerState,
    ReasonCode,
    CustomerType,
    DeadLetterState,
    Decision,
    DeliveryRole,
    DeliveryState,
    EventState,
    HoldReason,
    InvitationKind,
    InvoiceKind,
    LogoFormat,
    Phase,
    PortalAccess,
    PortalEventKind,
    PortalLevel,
    Reason,
    Role,
    SensitiveAttachments,
    SessionStage,
    Concluded,
    VerificationMethod,
    Via,
    WorkKind
);

macro_rules! simple_values {
    ($($type:ty => $variant:ident, |$value:ident| $make:expr;)+) => {
        $(
            impl From<$type> for Value<'_> {
                fn from($value: $type) -> Self {
                    Self::$variant(Some($make))
                }
            }

            impl From<Option<$type>> for Value<'_> {
                fn from(value: Option<$type>) -> Self {
                    Self::$variant(value.map(|$value| $make))
                }
            }
        )+
    };
}
simple_values! {
    Uuid => Uuid, |value| value;
    DeliveryId => Uuid, |value| value.0;
    DeadLetterId => Uuid, |value| value.0;
    EventKey => Uuid, |value| value.0;
    WorkerId => Uuid, |value| value.0;
    OperatorId => Uuid, |value| value.0;
    TokenId => Uuid, |value| value.0;
    i64 => Integer, |value| value;
    u32 => Integer, |value| i64::from(value);
    CallingCode => Integer, |value| i64::from(value.0);
    Timestamp => Integer, |value| value.0;
    bool => Flag, |value| value;
    Sha256 => Bytes, |value| Cow::Owned(value.0.to_vec());
    String => Text, |value| Cow::Owned(value);
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Some(Cow::Borrowed(value)))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::Text(value.map(Cow::Borrowed))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(value)))
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(value: Option<&'v [u8]>) -> Self {
        Self::Bytes(value.map(Cow::Borrowed))
    }
}
