//! Language tags as billing systems write them, brought into the form of BCP 47.

use icu_locale_core::Locale;

/// The longest tag (RFC 5646 §4.4.1), in bytes.
const TAG_BYTES_MAX: usize = 35;

/// The tag in canonical form, for example `de-DE`; `None` if `text` names no language.
///
/// Java and POSIX write `de_DE` and `de_DE.UTF-8`, some systems `deu` or `ger` (ISO 639-2 and 639-3) where BCP 47 has
/// the two-letter code (RFC 5646 §2.2.1).
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split(['.', '@']).next().unwrap_or_default();
    if text.is_empty() || text.len() > TAG_BYTES_MAX {
        return None;
    }
    let tag = text.replace('_', "-");
    let (language, rest) = tag.split_at(tag.find('-').unwrap_or(tag.len()));
    let tag = match two_letters(language) {
        Some(short) => format!("{short}{rest}"),
        None => tag,
    };
    Locale::try_from_str(&tag).ok().map(|locale| locale.to_string())
}

/// The two-letter code of a language that has one, from its three letters.
fn two_letters(language: &str) -> Option<&'static str> {
    if language.len() != 3 || !language.is_ascii() {
        return None;
    }
    let language = language.to_ascii_lowercase();
    ALPHA_3.split_ascii_whitespace().find_map(|pair| pair.strip_prefix(&language)?.strip_prefix('='))
}

/// [ISO 639-2], terminology and bibliographic codes, with the code of ISO 639-1.
///
/// [ISO 639-2]: https://www.loc.gov/standards/iso639-2/php/code_list.php
const ALPHA_3: &str = "
    aar=aa abk=ab afr=af aka=ak alb=sq amh=am ara=ar arg=an arm=hy asm=as ava=av ave=ae aym=ay aze=az bak=ba bam=bm
    baq=eu bel=be ben=bn bis=bi bod=bo bos=bs bre=br bul=bg bur=my cat=ca ces=cs cha=ch che=ce chi=zh chu=cu chv=cv
    cor=kw cos=co cre=cr cym=cy cze=cs dan=da deu=de div=dv dut=nl dzo=dz ell=el eng=en epo=eo est=et eus=eu ewe=ee
    fao=fo fas=fa fij=fj fin=fi fra=fr fre=fr fry=fy ful=ff geo=ka ger=de gla=gd gle=ga glg=gl glv=gv gre=el grn=gn
    guj=gu hat=ht hau=ha heb=he her=hz hin=hi hmo=ho hrv=hr hun=hu hye=hy ibo=ig ice=is ido=io iii=ii iku=iu ile=ie
    ina=ia ind=id ipk=ik isl=is ita=it jav=jv jpn=ja kal=kl kan=kn kas=ks kat=ka kau=kr kaz=kk khm=km kik=ki kin=rw
    kir=ky kom=kv kon=kg kor=ko kua=kj kur=ku lao=lo lat=la lav=lv lim=li lin=ln lit=lt ltz=lb lub=lu lug=lg mac=mk
    mah=mh mal=ml mao=mi mar=mr may=ms mkd=mk mlg=mg mlt=mt mon=mn mri=mi msa=ms mya=my nau=na nav=nv nbl=nr nde=nd
    ndo=ng nep=ne nld=nl nno=nn nob=nb nor=no nya=ny oci=oc oji=oj ori=or orm=om oss=os pan=pa per=fa pli=pi pol=pl
    por=pt pus=ps que=qu roh=rm ron=ro rum=ro run=rn rus=ru sag=sg san=sa sin=si slk=sk slo=sk slv=sl sme=se smo=sm
    sna=sn snd=sd som=so sot=st spa=es sqi=sq srd=sc srp=sr ssw=ss sun=su swa=sw swe=sv tah=ty tam=ta tat=tt tel=te
    tgk=tg tgl=tl tha=th tib=bo tir=ti ton=to tsn=tn tso=ts tuk=tk tur=tr twi=tw uig=ug ukr=uk urd=ur uzb=uz ven=ve
    vie=vi vol=vo wel=cy wln=wa wol=wo xho=xh yid=yi yor=yo zha=za zho=zh zul=zu";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_billing_systems_write_becomes_a_tag() {
        for (text, expected) in [
            ("de-DE", "de-DE"),
            ("de_DE", "de-DE"),
            ("DE-at", "de-AT"),
            ("de_DE.UTF-8", "de-DE"),
            ("nl_BE@euro", "nl-BE"),
            (" fr ", "fr"),
            ("deu-DE", "de-DE"),
            ("ger", "de"),
            ("fre_CH", "fr-CH"),
            ("NLD-nl", "nl-NL"),
            ("gsw-CH", "gsw-CH"),
            ("zh_Hant_TW", "zh-Hant-TW"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_names_no_language_is_none() {
        for text in
            ["", " ", "german please", "d", "deutsch_DE_something_very_long_indeed", "de\0", "12", ".UTF-8", "😀"]
        {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_pair_is_three_letters_and_two() {
        for pair in ALPHA_3.split_ascii_whitespace() {
            let (long, short) = pair.split_once('=').unwrap();
            assert!(long.len() == 3 && short.len() == 2, "{pair}");
            assert_eq!(canonical(long).as_deref(), Some(short), "{pair}");
        }
        let longs: std::collections::BTreeSet<_> = ALPHA_3.split_ascii_whitespace().map(|pair| &pair[..3]).collect();
        assert_eq!(longs.len(), ALPHA_3.split_ascii_whitespace().count(), "none stands twice");
    }
}
