"""What OpenAI calls languages in a verbose transcript: by their English names, as Whisper has them.

Others say codes of two letters or three, some with a region (https://iso639-3.sil.org).
"""

import re
from typing import Final

_TABLE: Final = """
af afr afrikaans, am amh amharic, ar ara arabic, as asm assamese, az aze azerbaijani,
ba bak bashkir, be bel belarusian, bg bul bulgarian, bn ben bengali, bo bod tibetan,
br bre breton, bs bos bosnian, ca cat catalan, cs ces czech, cy cym welsh, da dan danish,
de deu german, el ell greek, en eng english, es spa spanish, et est estonian, eu eus basque,
fa fas persian, fi fin finnish, fo fao faroese, fr fra french, gl glg galician, gu guj gujarati,
ha hau hausa, haw haw hawaiian, he heb hebrew, hi hin hindi, hr hrv croatian,
ht hat haitian creole, hu hun hungarian, hy hye armenian, id ind indonesian, is isl icelandic,
it ita italian, ja jpn japanese, jw jav javanese, ka kat georgian, kk kaz kazakh, km khm khmer,
kn kan kannada, ko kor korean, la lat latin, lb ltz luxembourgish, ln lin lingala, lo lao lao,
lt lit lithuanian, lv lav latvian, mg mlg malagasy, mi mri maori, mk mkd macedonian,
ml mal malayalam, mn mon mongolian, mr mar marathi, ms msa malay, mt mlt maltese,
my mya myanmar, ne nep nepali, nl nld dutch, nn nno nynorsk, no nor norwegian, oc oci occitan,
pa pan punjabi, pl pol polish, ps pus pashto, pt por portuguese, ro ron romanian,
ru rus russian, sa san sanskrit, sd snd sindhi, si sin sinhala, sk slk slovak, sl slv slovenian,
sn sna shona, so som somali, sq sqi albanian, sr srp serbian, su sun sundanese, sv swe swedish,
sw swa swahili, ta tam tamil, te tel telugu, tg tgk tajik, th tha thai, tk tuk turkmen,
tl tgl tagalog, tr tur turkish, tt tat tatar, uk ukr ukrainian, ur urd urdu, uz uzb uzbek,
vi vie vietnamese, yi yid yiddish, yo yor yoruba, yue yue cantonese, zh zho chinese
"""
_OTHERS: Final = {"jv": "javanese", "fil": "tagalog", "cmn": "chinese", "nb": "norwegian"}
_SPOKEN: Final = {
    code: name
    for short, long, name in (row.split(maxsplit=2) for row in _TABLE.strip().split(","))
    for code in (short, long)
} | _OTHERS
_REGION: Final = re.compile(r"[-_]")


def language_named(told: str) -> str:
    """Return OpenAI's name for a language; what is none of its codes stays, in lower case."""
    plain = told.strip().lower()
    return _SPOKEN.get(_REGION.split(plain)[0], plain)
