//! Who was written to: what finds a delivery by an address, of To, Cc or Bcc.
//!
//! Of each mailbox a few bytes of an HMAC are kept ([`AddressKeys`]): from the table alone it cannot be told whose.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::event::Recipient;
use crate::model::ids::DeliveryId;
use crate::model::mail_address::MailAddress;
use crate::secrets::AddressKeys;
use crate::store::db::error::StoreError;
use crate::store::db::statement::{StatementExecutor, sql};
use crate::store::{Store, Transaction};

impl Store {
    /// The same store, which writes recipients down under these keys, and finds them.
    #[must_use]
    pub fn with_address_keys(self, address_keys: AddressKeys) -> Self {
        Self { address_keys, ..self }
    }

    /// The fingerprint of the secret key by which the newest delivery's recipients were written down, if there is one.
    pub async fn newest_recipients_key(&self) -> Result<Option<String>, StoreError> {
        let newest = sql("SELECT link_key FROM delivery ORDER BY created_at DESC LIMIT 1");
        newest.optional(&mut self.read().await?).await?.map(|row| row.get("link_key")).transpose()
    }
}

/// What ways of writing one mailbox share. What is no address any more is itself.
pub(in crate::store) fn mailbox(address: &str) -> String {
    MailAddress::parse(address).map_or_else(|_| address.trim().to_lowercase(), |address| address.mailbox())
}

/// What these recipients are written down as.
pub(in crate::store) fn keys(address_keys: &AddressKeys, recipients: &[Recipient]) -> Vec<i64> {
    let keys: BTreeSet<i64> =
        recipients.iter().filter_map(|recipient| address_keys.newest(&mailbox(&recipient.address))).collect();
    keys.into_iter().collect()
}

/// Several keys as one value of a batch: `-5,7`.
pub(in crate::store) fn joined(keys: &[i64]) -> String {
    let mut text = String::with_capacity(keys.len() * 21);
    for key in keys {
        let separator = if text.is_empty() { "" } else { "," };
        write!(text, "{separator}{key}").expect("a String takes any text");
    }
    text
}

/// Writes down to whom deliveries go that have none yet.
pub(in crate::store) async fn insert(
    on: &mut impl StatementExecutor,
    deliveries: impl IntoIterator<Item = (DeliveryId, Vec<i64>)>,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, DeliveryId)> =
        deliveries.into_iter().flat_map(|(id, keys)| keys.into_iter().map(move |key| (key, id))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sql("WITH {rows} INSERT INTO delivery_recipient (address_key, delivery_id) SELECT address_key, id FROM rows")
        .rows("address_key bigint, id uuid", rows.iter().map(|(key, id)| [(*key).into(), (*id).into()]))
        .run(on)
        .await?;
    Ok(())
}

/// Forgets to whom deliveries go.
pub(in crate::store) async fn delete(
    on: &mut impl StatementExecutor,
    deliveries: impl IntoIterator<Item = DeliveryId>,
) -> Result<(), StoreError> {
    sql("WITH {rows} DELETE FROM delivery_recipient WHERE delivery_id IN (SELECT id FROM rows)")
        .rows("id uuid", deliveries.into_iter().map(|id| [id.into()]))
        .run(on)
        .await?;
    Ok(())
}

/// Writes down to whom deliveries go from now on.
pub(in crate::store) async fn replace<'r>(
    on: &mut Transaction,
    deliveries: impl Iterator<Item = (DeliveryId, &'r [Recipient])>,
) -> Result<(), StoreError> {
    let deliveries: Vec<(DeliveryId, Vec<i64>)> =
        deliveries.map(|(id, recipients)| (id, keys(&on.address_keys, recipients))).collect();
    delete(on, deliveries.iter().map(|(id, _)| *id)).await?;
    insert(on, deliveries).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_is_one_however_it_is_written() {
        for address in ["AP@käufer.example", " ap@XN--KUFER-GRA.example ", "ap@xn--kufer-gra.EXAMPLE\n"] {
            assert_eq!(mailbox(address), "ap@xn--kufer-gra.example", "{address}");
        }
        assert_eq!(mailbox(" No Address "), "no address");
    }

    #[test]
    fn keys_are_one_value() {
        assert_eq!([joined(&[]), joined(&[7]), joined(&[i64::MIN, 7])], ["", "7", "-9223372036854775808,7"]);
    }
}
