/**
 * How the dimensions are called in sentences.
 *
 * Customer and merchant act; every other dimension is something that transactions lie within. A name that is not known
 * here stands as it is: `device_id` is "the device_id", its plural "device_id values".
 */

interface Noun {
  readonly one: string;
  readonly many: string;
}

const nouns: Readonly<Record<string, Noun>> = {
  customer: { one: 'customer', many: 'customers' },
  merchant: { one: 'merchant', many: 'merchants' },
  category: { one: 'category', many: 'categories' },
  gender: { one: 'gender', many: 'genders' },
  age: { one: 'age group', many: 'age groups' },
  step: { one: 'step', many: 'steps' },
  zipcodeOri: { one: 'customer zip code', many: 'customer zip codes' },
  zipMerchant: { one: 'merchant zip code', many: 'merchant zip codes' },
  fraud: { one: 'fraud flag', many: 'fraud flags' },
};

export function one(name: string): string {
  return Object.hasOwn(nouns, name) ? (nouns[name]?.one ?? name) : name;
}

export function many(name: string): string {
  return Object.hasOwn(nouns, name) ? (nouns[name]?.many ?? name) : `${name} values`;
}

/** `a, b and c`. */
export function list(words: readonly string[], joint = 'and'): string {
  return words.length <= 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`;
}

function withArticle(word: string): string {
  return /^[aeiou]/i.test(word) ? `an ${word}` : `a ${word}`;
}

/** Who acts in a key (customer before merchant), and within what. */
function roles(key: readonly string[]): { readonly actors: readonly string[]; readonly within: readonly string[] } {
  const actors = ['customer', 'merchant'].filter((name) => key.includes(name));
  return { actors, within: key.filter((name) => !actors.includes(name)) };
}

/** `a customer of a merchant within a category`. */
export function anEntity(key: readonly string[]): string {
  const { actors, within } = roles(key);
  if (actors.length === 0) return within.length === 1 ? withArticle(one(within[0] ?? '')) : `a combination of ${list(within.map(one))}`;
  const place = within.length === 0 ? '' : ` within ${list(within.map((name) => withArticle(one(name))))}`;
  return `${list(
    actors.map((name) => withArticle(one(name))),
    'of',
  )}${place}`;
}

/** Who has the measure of a key: `the customer`, and in what: ` with the merchant within the category`. */
export function subject(key: readonly string[]): { readonly who: string; readonly where: string } {
  const { actors, within } = roles(key);
  if (actors.length === 0) {
    const who = within.length === 1 ? `the ${one(within[0] ?? '')}` : `the combination of ${list(within.map(one))}`;
    return { who, where: '' };
  }
  const partner = actors.length === 2 ? ' with the merchant' : '';
  const place = within.length === 0 ? '' : ` within ${list(within.map((name) => `the ${one(name)}`))}`;
  return { who: `the ${actors[0]}`, where: `${partner}${place}` };
}

/** The member of a cohort: what the entity has beyond the cohort's key, in the singular and the plural. */
export function member(key: readonly string[], cohort: readonly string[]): { readonly one: string; readonly many: string } {
  const { actors, within } = roles(key.filter((name) => !cohort.includes(name)));
  const names = [...actors, ...within];
  const [first = ''] = names;
  if (names.length === 1) return { one: one(first), many: many(first) };
  const inside = list(names.map(one));
  return { one: `combination of ${inside}`, many: `combinations of ${inside}` };
}

/** Whose members: `the merchant's`, `the`. */
export function ownerOf(cohort: readonly string[]): { readonly before: string; readonly behind: string } {
  if (cohort.length === 0) return { before: 'all', behind: '' };
  if (cohort.length === 1) return { before: `the ${one(cohort[0] ?? '')}'s`, behind: '' };
  return { before: 'the', behind: ` of the same ${list(cohort.map(one))}` };
}
