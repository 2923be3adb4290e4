/**
 * What BankSim looks like, as counts: the one place with its facts.
 *
 * Rows by category, gender and age, frauds by category, the two large merchants and the balanced one are those
 * of the published BankSim file (bs140513_032310.csv). The other merchants bear its names, but each has one
 * category, and its rows are spread over them such that 76,029 pairs of customer and merchant arise;
 * and es_travel has a mean below 700.
 */
export interface CategoryShape {
  readonly name: string;
  /** Mean amount in cents, frauds included. */
  readonly mean: number;
  readonly frauds: number;
  /** The rows of each merchant. */
  readonly merchants: Readonly<Record<string, number>>;
}

export const full = { rows: 594_643, customers: 4_112, merchants: 50 } as const;
export const steps = 180;
/** All of BankSim happens in one zip code. */
export const zipCode = '28007';

/** Es_transportation first: its two merchants take 85% of all rows. */
export const categories: readonly CategoryShape[] = [
  { name: 'es_transportation', mean: 2_730, frauds: 0, merchants: { M1823072687: 299_693, M348934600: 205_426 } },
  {
    name: 'es_food',
    mean: 3_707,
    frauds: 0,
    merchants: {
      M85975013: 3_688,
      M1313686961: 3_428,
      M1352454843: 3_168,
      M2122776122: 2_908,
      M923029380: 2_647,
      M1873032707: 2_387,
      M2011752106: 2_127,
      M1416436880: 1_867,
      M1294758098: 1_604,
      M1788569036: 1_346,
      M857378720: 1_084,
    },
  },
  {
    name: 'es_health',
    mean: 13_562,
    frauds: 1_696,
    merchants: {
      M1053599405: 3_483,
      M480139044: 3_073,
      M1535107174: 2_663,
      M1198415165: 2_254,
      M840466850: 1_844,
      M97925176: 1_434,
      M348875670: 1_024,
      M677738360: 358,
    },
  },
  {
    name: 'es_wellnessandbeauty',
    mean: 6_551,
    frauds: 718,
    merchants: {
      M1946091778: 3_331,
      M1913465890: 2_939,
      M209847108: 2_546,
      M50039827: 2_156,
      M1842530320: 1_764,
      M1748431652: 1_371,
      M1353266412: 979,
    },
  },
  { name: 'es_fashion', mean: 6_567, frauds: 116, merchants: { M349281107: 3_325, M1600850729: 2_152, M547558035: 977 } },
  { name: 'es_barsandrestaurants', mean: 4_346, frauds: 120, merchants: { M151143676: 3_283, M495352832: 2_125, M933210764: 965 } },
  { name: 'es_hyper', mean: 4_597, frauds: 280, merchants: { M855959430: 3_142, M117188757: 2_033, M1726401631: 923 } },
  {
    name: 'es_sportsandtoys',
    mean: 21_572,
    frauds: 1_982,
    merchants: { M980657600: 3_083, M78078399: 919 },
  },
  { name: 'es_tech', mean: 12_095, frauds: 158, merchants: { M692898500: 1_832, M45060432: 538 } },
  {
    name: 'es_home',
    mean: 16_567,
    frauds: 302,
    merchants: { M1400236507: 1_535, M1872033263: 451 },
  },
  {
    name: 'es_hotelservices',
    mean: 20_561,
    frauds: 548,
    merchants: { M1649169323: 1_348, M17379832: 396 },
  },
  { name: 'es_otherservices', mean: 13_588, frauds: 228, merchants: { M1888755466: 912 } },
  { name: 'es_contents', mean: 4_455, frauds: 0, merchants: { M1741626453: 885 } },
  { name: 'es_travel', mean: 65_000, frauds: 578, merchants: { M732195782: 563, M2080407379: 165 } },
  { name: 'es_leisure', mean: 28_891, frauds: 474, merchants: { M3697346: 499 } },
];

/** A fraud costs this many times what else the customer would have paid. */
export const fraudFactor = 4;

/** Rows by gender; the order of all arrays by gender. */
export const genders = ['F', 'M', 'E', 'U'] as const;
export const genderRows: readonly number[] = [324_565, 268_385, 1_178, 515];
/**
 * In shops (all that is not transport) women are more of the customers, per mille; transport takes what is
 * left of the quotas. So no shop but the balanced one comes near "fewer female than male customers".
 */
export const shopGenders: readonly number[] = [620, 377, 2, 1];

/** The one merchant with fewer female than male customers, by a single one: 173 and 174. */
export const balanced = { merchant: 'M677738360', rows: 358, female: 173, least: 11 } as const;

/** The most transactions of one customer with one merchant, at full size. */
export const busiest = 163;

/** Rows by age group 0 to 6 of people; an enterprise (gender E) has the age U. */
export const ageRows: readonly number[] = [2_452, 58_131, 187_310, 147_131, 109_025, 62_642, 26_774];

/** Rows by step: the bank grows, as in BankSim, by a half over the 180 days. */
export const stepWeights: readonly number[] = Array.from({ length: steps }, (_, step) => 2_600 + 8 * step);
