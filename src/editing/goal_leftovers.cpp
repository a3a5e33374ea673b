// Looks over the tokens of a goal after all readers, and names what is left.
#include "editing/goal_leftovers.h"

#include <algorithm>

#include <fmt/format.h>

namespace studio::goal {
namespace {

// Sorted at first use would be a global; the lists are short enough to be searched.
constexpr std::string_view kFiller[] = {
    "i", "me", "my", "mine", "we", "us", "our", "you", "your", "he", "she", "they", "them", "his", "her",
    "their", "it", "its", "it's", "i'd", "i'm", "i'll", "i've", "that's", "there's", "let's", "don't", "can",
    "could", "can't", "cannot", "will", "would", "should", "shall", "must", "may", "might", "is", "are", "be",
    "been", "being", "was", "were", "am", "isn't", "aren't", "have", "has", "had", "having", "do", "does",
    "did", "done", "doing", "get", "gets", "got", "give", "gives", "gimme", "burn", "burned", "burnt",
    "normal", "let", "lets", "put", "add", "adds", "adding", "place", "insert", "apply", "lay", "set", "want",
    "wants", "wanted", "need", "needs", "like", "please", "thanks", "thank", "ok", "okay", "hi", "hey",
    "hello", "this", "that", "these", "those", "here", "there", "who", "which", "what", "whose", "when",
    "where", "how", "why", "because", "since", "as", "so", "if", "than", "then", "too", "also", "again",
    "very", "really", "quite", "rather", "just", "even", "still", "some", "any", "all", "both", "most",
    "more", "much", "many", "less", "few", "little", "bit", "lot", "lots", "enough", "whole", "entire",
    "full", "complete", "completely", "fully", "everything", "something", "anything", "thing", "things",
    "stuff", "one", "ones", "other", "others", "another", "same", "own", "different", "various", "several",
    "certain", "new", "old", "on", "onto", "off", "out", "up", "down", "away", "back", "about", "around",
    "along", "across", "within", "via", "per", "instead", "rest", "remaining", "version", "copy", "way",
    "kind", "sort", "type", "mode", "format", "style", "effect", "effects", "look", "feel", "go", "goes",
    "going", "come", "comes", "play", "plays", "playing", "played", "playback", "run", "runs", "running",
    "see", "seen", "watch", "cut", "edit", "editing", "edited", "clip", "video", "turn", "turned", "change",
    "changed", "convert", "converted", "become", "becomes", "into", "onto", "appear", "appears", "appearing",
    "display", "displayed", "shown", "showing", "write", "written", "happens", "happen", "begin", "begins",
    "stay", "stays", "keep", "result", "final", "finished", "good", "best", "great", "nice", "nicely",
    "better", "interesting", "short", "shot", "time", "times", "moment", "total", "exactly", "size", "screen",
    "frame", "picture", "image", "color", "colour", "camera", "total", "each", "every", "left", "right",
    "upon", "needed", "necessary", "possible", "possibly", "maybe", "perhaps", "sure", "simply", "simple",
    "plain", "only", "well", "together", "joined", "join", "combine", "combined", "merge", "merged", "mix",
    "put", "social", "media", "post", "online", "web", "website", "instagram", "facebook", "youtube",
    "friendly", "ready", "suitable", "crop", "removed", "skipped", "dropped", "excluded", "deleted",
    "cropped", "reframe", "resize", "resized", "scale", "scaled", "shape", "ratio", "aspect", "resolution",
    "quality", "high", "low", "rhythm", "pace", "paced", "tempo", "beat", "beats", "factor", "number", "fit",
    "fits", "used", "order", "ordered", "sequence", "factor", "total", "no", "yes", "not", "never", "always",
    "now", "later", "soon", "first", "next", "finally", "lastly", "mark", "starting", "ending", "opening",
    "closing", "position", "positioned", "placed", "located", "above", "below", "under", "over", "between",
    "among", "against", "toward", "towards", "per", "vs", "etc", "e.g", "i.e",
    // Italian
    "io", "mi", "me", "mio", "mia", "miei", "mie", "tu", "ti", "tuo", "tua", "noi", "ci", "nostro", "nostra",
    "vi", "si", "se", "che", "chi", "cui", "cosa", "cose", "come", "quando", "dove", "perché", "quale",
    "quali", "questo", "questa", "questi", "queste", "quello", "quella", "quelli", "quelle", "quel", "quell'",
    "quest'", "ciò", "così", "è", "sono", "sia", "siano", "essere", "era", "ha", "hanno", "ho", "abbia",
    "avere", "deve", "devono", "dovrebbe", "può", "possono", "puoi", "potresti", "voglio", "vorrei", "vuole",
    "vogliamo", "mettere", "metti", "mettici", "aggiungi", "aggiungere", "inserisci", "applica", "dai",
    "dare", "fare", "fa", "fammi", "facciamo", "fallo", "falla", "rendi", "rendilo", "rendila", "porta",
    "portalo", "lasciare", "grazie", "favore", "piacere", "ciao", "su", "sul", "sullo", "sulla", "sugli",
    "sulle", "sui", "dentro", "fuori", "sopra", "giù", "via", "anche", "ancora", "molto", "molta", "molti",
    "poco", "po'", "più", "meno", "tanto", "troppo", "tutto", "tutta", "tutti", "tutte", "qualche", "alcuni",
    "alcune", "altro", "altra", "altri", "altre", "stesso", "stessa", "nuovo", "nuova", "intero", "intera",
    "completo", "bello", "bella", "bel", "belle", "migliore", "migliori", "buono", "resto", "versione",
    "tipo", "modo", "formato", "stile", "effetto", "effetti", "clip", "video", "filmato", "schermo",
    "immagine", "inquadratura", "secondi", "tempo", "volta", "volte", "velocità", "appare", "appaia",
    "compaia", "compare", "visibile", "dura", "duri", "totale", "insieme", "unisci", "unire", "monta",
    "montare", "montato", "ritmo", "tagli", "taglia", "primo", "prima", "poi", "dopo", "infine", "adesso",
    "ora", "sempre", "mai", "dammi", "normale", "normali", "non", "no", "sì", "ne", "lo", "gli", "li", "le",
    "nello", "allo", "agli", "dallo", "dagli", "dallo", "quindi", "però", "oppure", "ed", "adatto", "adatta",
    "qualità", "vedere", "vedersi", "veda", "vedano", "riproduci", "riprodotto", "giochi", "trasforma",
    "trasformalo", "converti", "cambia", "metto", "mettiamo", "venga", "vengano", "viene"};

constexpr std::string_view kMood[] = {"funny",        "fun",           "cool",
                                      "beautiful",    "emotional",     "touching",
                                      "inspiring",    "inspirational", "motivational",
                                      "happy",        "sad",           "romantic",
                                      "scary",        "spooky",        "creepy",
                                      "exciting",     "thrilling",     "intense",
                                      "tense",        "mysterious",    "moody",
                                      "atmospheric",  "nostalgic",     "professional",
                                      "elegant",      "stylish",       "modern",
                                      "vintage",      "retro",         "cinematic",
                                      "artistic",     "creative",      "playful",
                                      "cute",         "silly",         "crazy",
                                      "wild",         "lively",        "joyful",
                                      "cheerful",     "hilarious",     "entertaining",
                                      "engaging",     "catchy",        "viral",
                                      "memorable",    "powerful",      "serene",
                                      "soothing",     "warm",          "cozy",
                                      "dreamy",       "poetic",        "suspenseful",
                                      "action",       "comedy",        "comic",
                                      "humorous",     "ironic",        "sarcastic",
                                      "dark",         "light",         "amazing",
                                      "awesome",      "stunning",      "impressive",
                                      "eye-catching", "sexy",          "gritty",
                                      "whimsical",    "divertente",    "divertenti",
                                      "emozionante",  "commovente",    "bellissimo",
                                      "bellissima",   "romantico",     "romantica",
                                      "triste",       "allegro",       "allegra",
                                      "pauroso",      "misterioso",    "elegante",
                                      "moderno",      "professionale", "simpatico",
                                      "simpatica",    "buffo",         "buffa",
                                      "comico",       "comica",        "spettacolare",
                                      "intenso",      "intensa",       "coinvolgente",
                                      "poetico",      "nostalgico",    "cinematografico",
                                      "artistico",    "ironico",       "accattivante",
                                      "avvincente",   "ispirante",     "vivace"};

template <std::size_t N>
bool in(const std::string_view (&list)[N], std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

// Asking for something to be done: what follows and is not understood is a wish that stays unmet.
bool asks(const Token& token) {
  static constexpr std::string_view verbs[] = {
      "add",     "put",       "insert",   "apply",      "place",     "overlay",   "replace",
      "change",  "convert",   "draw",     "animate",    "stabilize", "stabilise", "swap",
      "give",    "change",    "aggiungi", "metti",      "inserisci", "applica",   "sostituisci",
      "cambia",  "disegna",   "anima",    "stabilizza", "trasforma", "mettici",   "make",
      "zoom",    "highlight", "censor",   "sharpen",    "brighten",  "darken",    "colorgrade",
      "upscale", "denoise",   "dub",      "narrate",    "illumina",  "scurisci",  "schiarisci",
      "doppia"};
  return (token.is(W::word) || token.is(W::make)) && in(verbs, token.text);
}

// A word that stands for an act or a thing the studio knows, so that nobody's taking it is a loss.
bool operative(const Token& token) {
  switch (token.kind) {
    case W::quoted:
    case W::file:
    case W::clock:
    case W::ratio:
    case W::size:
    case W::lines:
    case W::duration:
    case W::span:
    case W::percent:
    case W::color:
    case W::unit_db:
    case W::unit_lufs:
    case W::unit_fps:
    case W::half_as_long:
    case W::twice_as_long:
    case W::double_:
    case W::triple:
    case W::slow_motion:
    case W::time_lapse:
    case W::speed_up:
    case W::ramp:
    case W::reverse:
    case W::freeze:
    case W::chronological:
    case W::reverse_order:
    case W::shuffle:
    case W::no_cuts:
    case W::aspect:
    case W::mute:
    case W::louder:
    case W::quieter:
    case W::normalize:
    case W::sound_effect:
    case W::effect:
    case W::transition:
    case W::fade_in:
    case W::fade_out:
    case W::fade_black:
    case W::from_black:
    case W::fade_word:
    case W::title:
    case W::caption:
    case W::lower_third:
    case W::subtitles:
    case W::watermark:
    case W::most_motion:
    case W::least_motion:
    case W::loudest:
    case W::quietest:
    case W::brightest:
    case W::darkest:
    case W::sharpest:
    case W::pip:
    case W::split_screen:
    case W::on_beats: return true;
    default: return false;
  }
}

bool unknown(const Token& token) {
  return token.is(W::word) && token.text.size() > 1 && !is_filler(token.text) && !is_mood(token.text);
}

bool left(const Token& token) {
  return !token.used && (unknown(token) || operative(token) || token.is(W::number) || token.is(W::ordinal));
}

// Runs of words that belong together: "a dancing bear in the sky" is one thing to say.
std::vector<std::string> runs(const Reading& reading, const Clause& clause) {
  std::vector<std::string> out;
  std::size_t first = clause.end, last = 0;
  bool telling = false;
  auto flush = [&] {
    if (first < clause.end && telling) {
      std::string words;
      for (std::size_t i = first; i <= last; ++i) words += (i > first ? " " : "") + reading.tokens[i].raw;
      out.push_back(words);
    }
    first = clause.end;
    telling = false;
  };
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    if (token.used) {
      flush();
    } else if (left(token)) {
      if (first == clause.end) first = i;
      last = i;
      telling = telling || unknown(token) || operative(token);
    }
  }
  flush();
  return out;
}

// Nothing but the names of texts, right before a clause whose quotes were read.
bool heads_texts(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    if (!tokens[i].is(W::title) && !tokens[i].is(W::caption) && !tokens[i].is(W::saying) &&
        !tokens[i].is(W::the) && !tokens[i].is(W::a) && !tokens[i].is(W::with) && !tokens[i].is(W::make) &&
        !tokens[i].used && !(tokens[i].is(W::word) && !unknown(tokens[i])))
      return false;
  bool beside = false;
  for (std::size_t i = clause.end; i < tokens.size() && i < clause.end + 8; ++i)
    beside = beside || (tokens[i].is(W::quoted) && tokens[i].used);
  if (beside)
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      if (tokens[i].is(W::title) || tokens[i].is(W::caption)) tokens[i].used = true;
  return beside;
}

std::string reason_for(const Reading& reading, const Clause& clause) {
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    if (token.used) continue;
    if (token.is(W::title) || token.is(W::caption) || token.is(W::lower_third))
      return "no text is given for it; write it in quotes";
    if (token.is(W::file)) return "no such clip was given";
    if (token.is(W::subtitles)) return "no subtitle file is named; give one: subtitles talk.srt";
  }
  return "it was not understood, or nothing the studio does answers to it";
}

}  // namespace

bool is_filler(std::string_view word) {
  return in(kFiller, word);
}

bool is_mood(std::string_view word) {
  return in(kMood, word);
}

void name_leftovers(Reading& reading) {
  auto& tokens = reading.tokens;
  for (const Clause& clause : reading.clauses) {
    bool wish = false, taken = false, textless = false;
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      Token& token = tokens[i];
      if (token.is(W::word) && !token.used && is_mood(token.text)) {
        reading.brief.mood_words.push_back(token.text);
        token.used = true;
        continue;
      }
      wish = wish || asks(token) || token.is(W::avoid) || (token.is(W::no) && token.text == "no") ||
             token.is(W::keep) || token.is(W::only);
      taken = taken || token.used;
      bool text =
          token.is(W::title) || token.is(W::caption) || token.is(W::lower_third) || token.is(W::subtitles);
      wish = wish || token.is(W::file);
      textless = textless || (text && !token.used && !negated(reading, clause, i));
      bool place = token.is(W::duration) || token.is(W::span) || token.is(W::clock) || token.is(W::quoted) ||
                   token.is(W::file);
      if (operative(token) && !place && negated(reading, clause, i)) token.used = true;  // "no vignette"
    }
    // "meme: top text 'A'": a heading for texts that stand beside it.
    textless = textless && !heads_texts(reading, clause);
    // "the meme captions 'A'": two words for one text that has been read.
    bool text_read = false;
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      text_read = text_read || (tokens[i].is(W::quoted) && tokens[i].used);
    if (text_read) {
      textless = false;
      for (std::size_t i = clause.begin; i < clause.end; ++i)
        if (tokens[i].is(W::title) || tokens[i].is(W::caption) || tokens[i].is(W::lower_third))
          tokens[i].used = true;
    }
    for (const std::string& words : runs(reading, clause)) {
      if (textless || (wish && !taken))
        reading.brief.unmet.push_back(
            {textless ? words_of(reading, clause) : words, reason_for(reading, clause)});
      else
        reading.brief.not_understood.push_back(words);
      if (textless) break;
    }
  }
}

}  // namespace studio::goal
