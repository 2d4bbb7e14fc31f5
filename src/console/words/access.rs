//! Signing in, accounts, operators and tokens.

use super::words;
use crate::console::terms::{EnrolmentProblem, OperatorProblem, TokenProblem};

words! { AccessWords {
    sign_in = "Anmelden", "Sign in", "Aanmelden", "Se connecter";
    password = "Passwort", "Password", "Wachtwoord", "Mot de passe";
    wrong =
        "Adresse und Passwort passen nicht zusammen.",
        "Address and password do not match.",
        "Het e-mailadres of het wachtwoord klopt niet.",
        "L’adresse et le mot de passe ne correspondent pas.";
    code_wrong = "Der Code stimmt nicht, oder er gilt nicht mehr.", "The code is not right, or no longer valid.", "De code klopt niet, of geldt niet meer.", "Le code n’est pas correct, ou n’est plus valable.";
    limit: fn(&str) -> String =
        |wait| format!("Zu viele Versuche. Versuchen Sie es {wait} noch einmal."),
        |wait| format!("Too many tries. Please try again {wait}."),
        |wait| format!("Te veel pogingen. Probeer het {wait} opnieuw."),
        |wait| format!("Trop de tentatives. Veuillez réessayer {wait}.");
    busy = "Gerade melden sich viele an. Bitte gleich noch einmal versuchen.", "Many people are signing in just now. Please try again in a moment.", "Er melden zich nu veel mensen aan. Probeer het zo nog eens.", "Beaucoup de personnes se connectent en ce moment. Veuillez réessayer dans un instant.";
    too_late = "Das hat zu lange gedauert. Bitte melden Sie sich noch einmal an.", "That took too long. Please sign in again.", "Dat duurde te lang. Meld u opnieuw aan.", "Cela a pris trop de temps. Veuillez vous reconnecter.";
    signed_out = "Sie sind abgemeldet.", "You are signed out.", "U bent afgemeld.", "Vous êtes déconnecté.";
    no_operators_title = "Noch kann sich niemand anmelden", "Nobody can sign in yet", "Er kan zich nog niemand aanmelden", "Personne ne peut encore se connecter";
    no_operators =
        "Legen Sie auf dem Server die erste Person an; der zweite Befehl gibt einen Link aus, der einmal gilt:",
        "Add the first person on the server; the second command prints a link that works once:",
        "Voeg op de server de eerste persoon toe; de tweede opdracht geeft een link die één keer werkt:",
        "Ajoutez la première personne sur le serveur\u{a0}; la deuxième commande affiche un lien à usage unique\u{a0}:";
    code_title = "Code aus der App", "Code from the app", "Code uit de app", "Code de l’application";
    code = "Code", "Code", "Code", "Code";
    code_hint =
        "Sechs Ziffern aus Ihrer Authenticator-App, oder ein Wiederherstellungscode.",
        "Six digits from your authenticator app, or a recovery code.",
        "Zes cijfers uit uw authenticator-app, of een herstelcode.",
        "Six chiffres de votre application d’authentification, ou un code de secours.";
    confirm = "Bestätigen", "Confirm", "Bevestigen", "Confirmer";
    start_again = "Von vorn anmelden", "Start again", "Opnieuw beginnen", "Recommencer la connexion";
    invitation_title = "Willkommen", "Welcome", "Welkom", "Bienvenue";
    invitation_lead: fn(&str) -> String =
        |email| format!("Sie melden sich künftig mit {email} an. Wählen Sie ein Passwort."),
        |email| format!("You will sign in as {email}. Choose a password."),
        |email| format!("U meldt zich voortaan aan met {email}. Kies een wachtwoord."),
        |email| format!("Vous vous connecterez en tant que {email}. Choisissez un mot de passe.");
    new_password = "Neues Passwort", "New password", "Nieuw wachtwoord", "Nouveau mot de passe";
    password_again = "Noch einmal", "Once more", "Nog een keer", "Encore une fois";
    password_hint =
        "Mindestens 12 Zeichen. Vier zufällige Wörter sind besser als Sonderzeichen.",
        "At least 12 characters. Four random words are better than special characters.",
        "Minstens 12 tekens. Vier willekeurige woorden zijn beter dan speciale tekens.",
        "Au moins 12 caractères. Quatre mots au hasard valent mieux que des caractères spéciaux.";
    go_on = "Weiter", "Continue", "Verder", "Continuer";
    totp_title = "Authenticator-App einrichten", "Set up an authenticator app", "Authenticator-app instellen", "Configurer une application d’authentification";
    totp_required =
        "Ihre Rolle verlangt einen zweiten Faktor.",
        "Your role requires a second factor.",
        "Uw rol vereist een tweede factor.",
        "Votre rôle exige un second facteur.";
    totp_lead =
        "Scannen Sie das Bild mit der App, oder tippen Sie den Schlüssel ein. Geben Sie dann den Code ein, den die App zeigt.",
        "Scan the picture with the app, or type the key. Then enter the code that the app shows.",
        "Scan de afbeelding met de app, of typ de sleutel over. Voer daarna de code in die de app toont.",
        "Scannez l’image avec l’application, ou saisissez la clé. Entrez ensuite le code affiché par l’application.";
    totp_key = "Schlüssel", "Key", "Sleutel", "Clé";
    totp_open = "In der App öffnen", "Open in the app", "In de app openen", "Ouvrir dans l’application";
    totp_picture = "QR-Code für die Authenticator-App", "QR code for the authenticator app", "QR-code voor de authenticator-app", "Code QR pour l’application d’authentification";
    recovery_title = "Wiederherstellungscodes", "Recovery codes", "Herstelcodes", "Codes de secours";
    recovery_lead =
        "Ohne die App melden Sie sich mit einem dieser Codes an; jeder gilt einmal. Sie werden nur jetzt gezeigt: Drucken Sie sie aus, oder bewahren Sie sie in Ihrem Passwort-Manager auf.",
        "Without the app, one of these codes lets you in; each works once. They are shown only now: print them, or keep them in your password manager.",
        "Zonder de app meldt u zich aan met een van deze codes; elke code werkt één keer. Ze worden alleen nu getoond: druk ze af, of bewaar ze in uw wachtwoordkluis.",
        "Sans l’application, l’un de ces codes vous permet de vous connecter\u{a0}; chacun ne sert qu’une fois. Ils ne sont affichés que maintenant\u{a0}: imprimez-les, ou gardez-les dans votre gestionnaire de mots de passe.";
    recovery_kept = "Ich habe sie aufbewahrt", "I have kept them", "Ik heb ze bewaard", "Je les ai conservés";
    recovery_left: fn(u32) -> String =
        |left| match left { 1 => "Noch 1 Code ist ungebraucht.".to_owned(), left => format!("Noch {left} Codes sind ungebraucht.") },
        |left| match left { 1 => "1 code is unused.".to_owned(), left => format!("{left} codes are unused.") },
        |left| match left { 1 => "Nog 1 code is ongebruikt.".to_owned(), left => format!("Nog {left} codes zijn ongebruikt.") },
        |left| match left { 0 | 1 => format!("Il reste {left} code."), left => format!("Il reste {left} codes.") };
    recovery_new = "Neue Codes erzeugen", "Make new codes", "Nieuwe codes maken", "Créer de nouveaux codes";
    recovery_new_lead =
        "Die alten gelten dann nicht mehr.",
        "The old ones then stop working.",
        "De oude werken dan niet meer.",
        "Les anciens ne seront alors plus valables.";
    second_factor = "Zweiter Faktor", "Second factor", "Tweede factor", "Second facteur";
    totp_on = "Die Authenticator-App ist eingerichtet.", "The authenticator app is set up.", "De authenticator-app is ingesteld.", "L’application d’authentification est configurée.";
    totp_off = "Noch keine Authenticator-App.", "No authenticator app yet.", "Nog geen authenticator-app.", "Pas encore d’application d’authentification.";
    change_password = "Passwort ändern", "Change the password", "Wachtwoord wijzigen", "Modifier le mot de passe";
    current_password = "Bisheriges Passwort", "Current password", "Huidig wachtwoord", "Mot de passe actuel";
    current_wrong = "Das bisherige Passwort oder der Code stimmt nicht.", "The current password or the code is not right.", "Het huidige wachtwoord of de code klopt niet.", "Le mot de passe actuel ou le code n’est pas correct.";
    sessions = "Sitzungen", "Sessions", "Sessies", "Sessions";
    this_session = "diese Sitzung", "this session", "deze sessie", "cette session";
    browser = "Browser", "Browser", "Browser", "Navigateur";
    network = "Netz", "Network", "Netwerk", "Réseau";
    started = "Begonnen", "Started", "Begonnen", "Début";
    last_seen = "Zuletzt aktiv", "Last active", "Laatst actief", "Dernière activité";
    end_session = "Beenden", "End", "Beëindigen", "Terminer";
    end_others = "Alle anderen beenden", "End all others", "Alle andere beëindigen", "Terminer toutes les autres";
    people_lead =
        "Wer sich anmelden darf, als was, und für welche Mandanten.",
        "Who may sign in, as what, and for which tenants.",
        "Wie zich mag aanmelden, als wat, en voor welke tenants.",
        "Qui peut se connecter, avec quel rôle, et pour quels mandants.";
    add_person = "Person einladen", "Invite a person", "Persoon uitnodigen", "Inviter une personne";
    add_person_lead =
        "Sie erhalten einen Link, der einmal gilt, zum Weitergeben.",
        "You get a link that works once, to pass on.",
        "U krijgt een link die één keer werkt, om door te geven.",
        "Vous obtenez un lien à usage unique, à transmettre.";
    scope = "Mandanten", "Tenants", "Tenants", "Mandants";
    scope_hint =
        "Kennungen, durch Komma getrennt. Leer: alle.",
        "Identifiers, separated by commas. Empty: all.",
        "Kenmerken, gescheiden door komma’s. Leeg: alle.",
        "Identifiants, séparés par des virgules. Vide\u{a0}: tous.";
    invite = "Einladen", "Invite", "Uitnodigen", "Inviter";
    invite_again = "Neu einladen", "Invite again", "Opnieuw uitnodigen", "Inviter à nouveau";
    reset_totp = "App zurücksetzen", "Reset the app", "App opnieuw instellen", "Réinitialiser l’application";
    disable = "Sperren", "Disable", "Blokkeren", "Bloquer";
    enable = "Entsperren", "Enable", "Deblokkeren", "Débloquer";
    actions = "Aktionen", "Actions", "Acties", "Actions";
    change = "Ändern", "Change", "Wijzigen", "Modifier";
    active = "aktiv", "active", "actief", "actif";
    invited = "eingeladen", "invited", "uitgenodigd", "invité";
    invitation_expired = "Einladung abgelaufen", "invitation expired", "uitnodiging verlopen", "invitation expirée";
    disabled = "gesperrt", "disabled", "geblokkeerd", "bloqué";
    you = "Sie", "you", "u", "vous";
    no_second_factor = "ohne zweiten Faktor", "no second factor", "geen tweede factor", "sans second facteur";
    last_sign_in = "Letzte Anmeldung", "Last sign-in", "Laatste aanmelding", "Dernière connexion";
    invitation_made: fn(&str) -> String =
        |email| format!("Link für {email}"),
        |email| format!("Link for {email}"),
        |email| format!("Link voor {email}"),
        |email| format!("Lien pour {email}");
    valid_until = "Gültig bis", "Valid until", "Geldig tot", "Valable jusqu’au";
    shown_once =
        "Wird nur jetzt gezeigt und gilt einmal.",
        "Shown only now, and works once.",
        "Wordt alleen nu getoond en werkt één keer.",
        "Affiché uniquement maintenant, utilisable une fois.";
    tokens_lead =
        "Mit Tokens greifen Programme auf die Schnittstelle zu. Jeder Token hat eine Rolle, Mandanten und am besten ein Ablaufdatum.",
        "Programs use the API with tokens. Each token has a role, tenants and, ideally, an expiry date.",
        "Programma’s gebruiken de API met tokens. Elke token heeft een rol, tenants en liefst een einddatum.",
        "Les programmes utilisent l’API avec des jetons. Chaque jeton a un rôle, des mandants et, de préférence, une date d’expiration.";
    add_token = "Token erzeugen", "Make a token", "Token maken", "Créer un jeton";
    token_name_hint = "Welches Programm ihn benutzt.", "Which program uses it.", "Welk programma hem gebruikt.", "Quel programme l’utilise.";
    expires_in = "Gültigkeit in Tagen", "Valid for (days)", "Geldigheid in dagen", "Validité en jours";
    expires_hint = "Leer: ein Jahr. Höchstens drei.", "Empty: one year. At most three.", "Leeg: een jaar. Hoogstens drie.", "Vide\u{a0}: un an. Trois au plus.";
    token_made: fn(&str) -> String =
        |name| format!("Token für {name}"), |name| format!("Token for {name}"), |name| format!("Token voor {name}"),
        |name| format!("Jeton pour {name}");
    token_once =
        "Wird nur jetzt gezeigt; gespeichert ist nur sein Hash.",
        "Shown only now; only its hash is stored.",
        "Wordt alleen nu getoond; alleen de hash is opgeslagen.",
        "Affiché uniquement maintenant\u{a0}; seul son hachage est enregistré.";
    revoke = "Widerrufen", "Revoke", "Intrekken", "Révoquer";
    revoked = "widerrufen", "revoked", "ingetrokken", "révoqué";
    expired = "abgelaufen", "expired", "verlopen", "expiré";
    made = "Erzeugt", "Made", "Gemaakt", "Créé";
    expires = "Läuft ab", "Expires", "Verloopt", "Expire";
    last_used = "Zuletzt benutzt", "Last used", "Laatst gebruikt", "Dernière utilisation";
    no_tokens =
        "Noch kein Token. Hier stünde, welches Programm wann zuletzt etwas getan hat.",
        "No token yet. Here you would see which program did something, and when.",
        "Nog geen token. Hier zou staan welk programma wanneer voor het laatst iets deed.",
        "Aucun jeton. Ici figurerait quel programme a fait quelque chose, et quand.";
    enrolment_problem: fn(EnrolmentProblem) -> String =
        |problem| match problem {
            EnrolmentProblem::PasswordTooShort { chars_min } => format!("Das Passwort braucht mindestens {chars_min} Zeichen."),
            EnrolmentProblem::PasswordTooLong { bytes_max } => format!("Das Passwort hat mehr als {bytes_max} Bytes."),
            EnrolmentProblem::PasswordGuessable => "Das Passwort ist zu leicht zu erraten.".to_owned(),
            EnrolmentProblem::PasswordsDiffer => "Die beiden Passwörter sind verschieden.".to_owned(),
            EnrolmentProblem::CodeWrong => "Der Code stimmt nicht. Geht die Uhr des Telefons richtig?".to_owned(),
            EnrolmentProblem::NameMissing => "Bitte geben Sie Ihren Namen an.".to_owned(),
        },
        |problem| match problem {
            EnrolmentProblem::PasswordTooShort { chars_min } => format!("The password needs at least {chars_min} characters."),
            EnrolmentProblem::PasswordTooLong { bytes_max } => format!("The password has more than {bytes_max} bytes."),
            EnrolmentProblem::PasswordGuessable => "The password is too easy to guess.".to_owned(),
            EnrolmentProblem::PasswordsDiffer => "The two passwords differ.".to_owned(),
            EnrolmentProblem::CodeWrong => "The code is not right. Is the phone’s clock correct?".to_owned(),
            EnrolmentProblem::NameMissing => "Please give your name.".to_owned(),
        },
        |problem| match problem {
            EnrolmentProblem::PasswordTooShort { chars_min } => format!("Het wachtwoord moet minstens {chars_min} tekens hebben."),
            EnrolmentProblem::PasswordTooLong { bytes_max } => format!("Het wachtwoord heeft meer dan {bytes_max} bytes."),
            EnrolmentProblem::PasswordGuessable => "Het wachtwoord is te makkelijk te raden.".to_owned(),
            EnrolmentProblem::PasswordsDiffer => "De twee wachtwoorden verschillen.".to_owned(),
            EnrolmentProblem::CodeWrong => "De code klopt niet. Loopt de klok van de telefoon goed?".to_owned(),
            EnrolmentProblem::NameMissing => "Geef uw naam op.".to_owned(),
        },
        |problem| match problem {
            EnrolmentProblem::PasswordTooShort { chars_min } => format!("Le mot de passe doit avoir au moins {chars_min} caractères."),
            EnrolmentProblem::PasswordTooLong { bytes_max } => format!("Le mot de passe a plus de {bytes_max} octets."),
            EnrolmentProblem::PasswordGuessable => "Le mot de passe est trop facile à deviner.".to_owned(),
            EnrolmentProblem::PasswordsDiffer => "Les deux mots de passe sont différents.".to_owned(),
            EnrolmentProblem::CodeWrong => "Le code n’est pas correct. L’heure du téléphone est-elle juste\u{a0}?".to_owned(),
            EnrolmentProblem::NameMissing => "Veuillez indiquer votre nom.".to_owned(),
        };
    operator_problem: fn(OperatorProblem) -> &'static str =
        |problem| match problem {
            OperatorProblem::AddressUnusable => "Die E-Mail-Adresse ist nicht brauchbar.",
            OperatorProblem::AddressTaken => "Diese Person gibt es schon.",
            OperatorProblem::RoleMissing => "Bitte wählen Sie eine Rolle.",
            OperatorProblem::TenantsMissing => "Bitte nennen Sie für diese Rolle mindestens einen Mandanten.",
            OperatorProblem::TenantUnknown => "Einen dieser Mandanten gibt es nicht.",
            OperatorProblem::LastAdmin => "Das ist die letzte Person mit der Rolle Administration: Jemand muss Personen verwalten können.",
        },
        |problem| match problem {
            OperatorProblem::AddressUnusable => "The email address cannot be used.",
            OperatorProblem::AddressTaken => "This person exists already.",
            OperatorProblem::RoleMissing => "Please choose a role.",
            OperatorProblem::TenantsMissing => "Please name at least one tenant for this role.",
            OperatorProblem::TenantUnknown => "One of these tenants does not exist.",
            OperatorProblem::LastAdmin => "This is the last admin: somebody has to be able to manage people.",
        },
        |problem| match problem {
            OperatorProblem::AddressUnusable => "Het e-mailadres is niet bruikbaar.",
            OperatorProblem::AddressTaken => "Deze persoon bestaat al.",
            OperatorProblem::RoleMissing => "Kies een rol.",
            OperatorProblem::TenantsMissing => "Noem voor deze rol minstens één tenant.",
            OperatorProblem::TenantUnknown => "Een van deze tenants bestaat niet.",
            OperatorProblem::LastAdmin => "Dit is de laatste beheerder: iemand moet personen kunnen beheren.",
        },
        |problem| match problem {
            OperatorProblem::AddressUnusable => "Cette adresse e-mail n’est pas utilisable.",
            OperatorProblem::AddressTaken => "Cette personne existe déjà.",
            OperatorProblem::RoleMissing => "Veuillez choisir un rôle.",
            OperatorProblem::TenantsMissing => "Veuillez indiquer au moins un mandant pour ce rôle.",
            OperatorProblem::TenantUnknown => "L’un de ces mandants n’existe pas.",
            OperatorProblem::LastAdmin => "C’est la dernière personne ayant le rôle Administration\u{a0}: quelqu’un doit pouvoir gérer les personnes.",
        };
    token_problem: fn(TokenProblem) -> &'static str =
        |problem| match problem {
            TokenProblem::NameMissing => "Bitte geben Sie einen Namen an.",
            TokenProblem::NameTaken => "Einen Token dieses Namens gibt es schon.",
            TokenProblem::RoleMissing => "Bitte wählen Sie eine Rolle.",
            TokenProblem::TenantsMissing => "Bitte nennen Sie für diese Rolle mindestens einen Mandanten.",
            TokenProblem::TenantUnknown => "Einen dieser Mandanten gibt es nicht.",
            TokenProblem::ExpiryUnusable => "Die Zahl der Tage ist nicht brauchbar.",
        },
        |problem| match problem {
            TokenProblem::NameMissing => "Please give a name.",
            TokenProblem::NameTaken => "A token of this name exists already.",
            TokenProblem::RoleMissing => "Please choose a role.",
            TokenProblem::TenantsMissing => "Please name at least one tenant for this role.",
            TokenProblem::TenantUnknown => "One of these tenants does not exist.",
            TokenProblem::ExpiryUnusable => "The number of days cannot be used.",
        },
        |problem| match problem {
            TokenProblem::NameMissing => "Geef een naam op.",
            TokenProblem::NameTaken => "Er bestaat al een token met deze naam.",
            TokenProblem::RoleMissing => "Kies een rol.",
            TokenProblem::TenantsMissing => "Noem voor deze rol minstens één tenant.",
            TokenProblem::TenantUnknown => "Een van deze tenants bestaat niet.",
            TokenProblem::ExpiryUnusable => "Het aantal dagen is niet bruikbaar.",
        },
        |problem| match problem {
            TokenProblem::NameMissing => "Veuillez indiquer un nom.",
            TokenProblem::NameTaken => "Un jeton de ce nom existe déjà.",
            TokenProblem::RoleMissing => "Veuillez choisir un rôle.",
            TokenProblem::TenantsMissing => "Veuillez indiquer au moins un mandant pour ce rôle.",
            TokenProblem::TenantUnknown => "L’un de ces mandants n’existe pas.",
            TokenProblem::ExpiryUnusable => "Ce nombre de jours n’est pas utilisable.",
        };
} }
