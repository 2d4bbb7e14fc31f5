//! Three tenants, one for each policy, and their customers. All of them are invented.

use serde_json::{Value, json};

use crate::model::customer::{Customer, CustomerType, Postal};
use crate::model::ids::{CustomerId, RelayName, TenantId};
use crate::model::settings::{PortalAuthentication, PortalLevel, SensitiveAttachments, Settings, VerificationMethod};
use crate::model::tenant::{Branding, Contact, Sender, Tenant, TenantProfile};

/// A tenant, and what its documents say of it.
#[derive(Debug)]
pub(super) struct SampleTenant {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) locale: &'static str,
    time_zone: &'static str,
    pub(super) address: Address,
    /// The domain of its mail addresses.
    domain: &'static str,
    /// The local part of the sender's address, and the sender's name.
    sender: (&'static str, &'static str),
    pub(super) phone: &'static str,
    pub(super) vat_id: &'static str,
    pub(super) vat_percent: u32,
    /// An account number of the kind that textbooks use.
    pub(super) iban: &'static str,
    register: &'static str,
    pub(super) colour: &'static str,
    settings: Settings,
}

/// A postal address.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) street: &'static str,
    pub(super) house_number: &'static str,
    pub(super) postcode: &'static str,
    pub(super) city: &'static str,
    pub(super) country: &'static str,
}

/// A customer, and what documents say of them.
#[derive(Debug)]
pub(super) struct SamplePerson {
    pub(super) house: &'static SampleTenant,
    pub(super) id: &'static str,
    /// As the billing system spells it; what we do not know counts as private.
    kind: &'static str,
    pub(super) name: &'static str,
    pub(super) mail: &'static str,
    pub(super) locale: &'static str,
    pub(super) address: Address,
    /// Whether postcode and house number are on record for verification.
    address_on_record: bool,
    mobile: Option<&'static str>,
}

const fn portal(level: PortalLevel, primary: Option<VerificationMethod>) -> PortalAuthentication {
    PortalAuthentication { level, primary, secondary: None }
}

/// Documents to businesses only; private customers see them in the portal, after verification.
pub(super) static NORDLICHT: SampleTenant = SampleTenant {
    id: "nordlicht",
    name: "Nordlicht Energie GmbH",
    locale: "de-DE",
    time_zone: "Europe/Berlin",
    address: Address { street: "Elbufer", house_number: "7", postcode: "01067", city: "Dresden", country: "DE" },
    domain: "nordlicht.example",
    sender: ("rechnung", "Nordlicht Energie"),
    phone: "+49 351 0000 100",
    vat_id: "DE999999999",
    vat_percent: 19,
    iban: "DE89370400440532013000",
    register: "HRB 00000 · Amtsgericht Dresden",
    colour: "#0a6b4f",
    settings: Settings {
        sensitive_attachments: SensitiveAttachments::ExcludeForPrivate,
        portal_authentication: PortalAuthentication {
            level: PortalLevel::SensitiveForPrivate,
            primary: Some(VerificationMethod::PostcodeHouseNumber),
            secondary: Some(VerificationMethod::SmsOtp),
        },
    },
};

/// Documents to everybody; the portal wants verification for every page.
pub(super) static TULP: SampleTenant = SampleTenant {
    id: "tulp",
    name: "Tulp Telecom B.V.",
    locale: "nl-NL",
    time_zone: "Europe/Amsterdam",
    address: Address { street: "Lijnbaan", house_number: "21", postcode: "3012 EK", city: "Rotterdam", country: "NL" },
    domain: "tulp.example",
    sender: ("facturen", "Tulp Telecom"),
    phone: "+31 10 000 00 20",
    vat_id: "NL999999999B99",
    vat_percent: 21,
    iban: "NL91ABNA0417164300",
    register: "KvK 00000000",
    colour: "#b3431e",
    settings: Settings {
        sensitive_attachments: SensitiveAttachments::Include,
        portal_authentication: portal(PortalLevel::EveryPage, Some(VerificationMethod::PostcodeHouseNumber)),
    },
};

/// Documents to nobody by mail, and a portal that shows none either: customers have to ask.
pub(super) static LAVANDE: SampleTenant = SampleTenant {
    id: "lavande",
    name: "Maison Lavande SARL",
    locale: "fr-FR",
    time_zone: "Europe/Paris",
    address: Address {
        street: "rue de la République",
        house_number: "14",
        postcode: "84000",
        city: "Avignon",
        country: "FR",
    },
    domain: "lavande.example",
    sender: ("facturation", "Maison Lavande"),
    phone: "+33 4 00 00 00 14",
    vat_id: "FR99999999999",
    vat_percent: 20,
    iban: "FR1420041010050500013M02606",
    register: "RCS Avignon 000 000 000",
    colour: "#6b4a9e",
    settings: Settings {
        sensitive_attachments: SensitiveAttachments::Exclude,
        portal_authentication: portal(PortalLevel::Inaccessible, None),
    },
};

pub(super) static HOUSES: [&SampleTenant; 3] = [&NORDLICHT, &TULP, &LAVANDE];

macro_rules! people {
    ($($(#[$doc:meta])* $name:ident: $house:ident $id:literal $kind:literal $full:literal $mail:literal $locale:literal
        [$street:literal $number:literal $postcode:literal $city:literal $country:literal]
        record $record:literal $mobile:expr;)+) => {
        $($(#[$doc])* pub(super) static $name: SamplePerson = SamplePerson {
            house: &$house, id: $id, kind: $kind, name: $full, mail: $mail, locale: $locale,
            address: Address {
                street: $street, house_number: $number, postcode: $postcode, city: $city, country: $country,
            },
            address_on_record: $record, mobile: $mobile,
        };)+
        pub(super) static PEOPLE: &[&SamplePerson] = &[$(&$name),+];
    };
}

people! {
    KAEUFER: NORDLICHT "K-1001" "business" "Käufer & Söhne OHG" "buchhaltung@kaeufer-soehne.example" "de-DE"
        ["Hafenstraße" "12a" "01127" "Dresden" "DE"] record true None;
    JOERG: NORDLICHT "K-1002" "private" "Jörg Müßig" "joerg.muessig@post.example" "de-DE"
        ["Ährenweg" "3" "04109" "Leipzig" "DE"] record true Some("+4915100000002");
    /// The domain has an umlaut.
    BAECKEREI: NORDLICHT "K-1003" "business" "Bäckerei Grünkohl e.K." "rechnung@bäckerei-grünkohl.example" "de-DE"
        ["Brühl" "40" "04109" "Leipzig" "DE"] record true None;
    /// A type that nobody told us of.
    VEREIN: NORDLICHT "K-1004" "association" "Kleingartenverein Abendsonne" "kasse@abendsonne.example" "de-DE"
        ["Am Bahndamm" "9" "09111" "Chemnitz" "DE"] record true None;
    /// Nothing on record to verify them by.
    UNVERIFIABLE: NORDLICHT "K-1005" "private" "Änne Öhlers" "aenne@post.example" "de-DE"
        ["Sonnenallee" "77" "12045" "Berlin" "DE"] record false None;
    EMILY: NORDLICHT "K-1006" "private" "Emily O'Brien" "emily.obrien@post.example" "en-IE"
        ["Torstraße" "125" "10119" "Berlin" "DE"] record true None;
    ZOE: TULP "T-2001" "private" "Zoë de Vries" "zoe.devries@post.example" "nl-NL"
        ["Coolsingel" "8" "3011 AD" "Rotterdam" "NL"] record true None;
    FIETSEN: TULP "T-2002" "business" "Fietsenwinkel Jansen" "administratie@fietsen-jansen.example" "nl-NL"
        ["Witte de Withstraat" "55" "3012 BM" "Rotterdam" "NL"] record true None;
    HARBOUR: TULP "T-2003" "business" "Harbour Lights B.V." "accounts@harbour-lights.example" "en-GB"
        ["Boompjes" "60" "3011 XB" "Rotterdam" "NL"] record true None;
    /// The relay answers 451 the first time.
    GREYLISTED: TULP "T-2004" "business" "Grijze Lijst Advies" "later@grijze-lijst.example" "nl-NL"
        ["Blaak" "31" "3011 GA" "Rotterdam" "NL"] record true None;
    /// The mailbox does not exist any more.
    MOVED: TULP "T-2005" "private" "Sjoerd Verhuisd" "sjoerd@verhuisd.example" "nl-NL"
        ["Meent" "102" "3011 JR" "Rotterdam" "NL"] record true None;
    CAFE: LAVANDE "L-3001" "business" "Café de l'Été" "compta@cafe-ete.example" "fr-FR"
        ["place de l'Horloge" "5" "84000" "Avignon" "FR"] record true None;
    ELOISE: LAVANDE "L-3002" "private" "Éloïse Garçon" "eloise.garcon@post.example" "fr-FR"
        ["rue des Lices" "18" "84000" "Avignon" "FR"] record true None;
}

impl SampleTenant {
    /// A mail address of the house.
    pub(super) fn mail(&self, local: &str) -> String {
        format!("{local}@{}", self.domain)
    }

    pub(super) fn sender_mail(&self) -> String {
        self.mail(self.sender.0)
    }

    pub(super) fn tenant(&self) -> Tenant {
        let Address { street, house_number, postcode, city, .. } = &self.address;
        let site = |path: &str| Some(format!("https://www.{}/{path}", self.domain));
        Tenant {
            id: TenantId::from(self.id),
            relay: RelayName::from("default"),
            object_prefix: None,
            profile: TenantProfile {
                name: self.name.to_owned(),
                sender: Sender {
                    name: self.sender.1.to_owned(),
                    address: self.sender_mail(),
                    reply_to: Some(self.mail("service")),
                    bounce_address: Some(self.mail("bounces")),
                },
                locale: self.locale.to_owned(),
                time_zone: Some(self.time_zone.to_owned()),
                contact: Contact {
                    email: Some(self.mail("service")),
                    phone: Some(self.phone.to_owned()),
                    url: site("contact"),
                },
                legal_footer: Some(format!(
                    "{} · {street} {house_number} · {postcode} {city} · {}",
                    self.name, self.register
                )),
                imprint_url: site("imprint"),
                privacy_url: site("privacy"),
                branding: Branding { colour: Some(self.colour.to_owned()) },
            },
            settings: self.settings,
        }
    }
}

impl SamplePerson {
    pub(super) fn customer(&self) -> Customer {
        let on_record = |text: &str| self.address_on_record.then(|| text.to_owned());
        Customer {
            tenant_id: TenantId::from(self.house.id),
            id: CustomerId::from(self.id),
            kind: CustomerType::parse(self.kind),
            name: self.name.to_owned(),
            address: self.mail.to_owned(),
            locale: Some(self.locale.to_owned()),
            postal: Postal {
                country: on_record(self.address.country),
                postcode: on_record(self.address.postcode),
                house_number: on_record(self.address.house_number),
            },
            mobile: self.mobile.map(str::to_owned),
        }
    }

    /// The customer as the billing system sends it: with the type in its own words.
    fn told(&self) -> Value {
        let mut customer = serde_json::to_value(self.customer()).expect("a customer is made of texts");
        customer["type"] = json!(self.kind);
        customer
    }
}

/// One line of `import` for each tenant and customer, tenants first.
pub(super) fn lines() -> Vec<String> {
    let tenants = HOUSES.iter().map(|house| json!({ "tenant": house.tenant() }));
    let customers = PEOPLE.iter().map(|person| json!({ "customer": person.told() }));
    tenants.chain(customers).map(|line| line.to_string()).collect()
}
