/**
 * Which contents are in force: a small set of hashes that says "certainly not" or "ask the ledger".
 *
 * Every new chunk must be compared with all contents ever applied, and asking the database for each would put a round
 * trip behind the commit in flight. Kept are 48 bits of each content id in one open-addressing Float64Array (at most 16
 * bytes a chunk at half load: 16 MB for a million), so a miss is certain and a hit is verified by the ledger: the hash
 * indexes, it never decides.
 */
export interface ContentIndex {
  add(contentId: string): void;
  mayHave(contentId: string): boolean;
}

export function makeContentIndex(): ContentIndex {
  let slots = new Float64Array(1024).fill(-1);
  let used = 0;

  function find(table: Float64Array, value: number): number {
    const mask = table.length - 1;
    let slot = (value % table.length) & mask;
    while (table[slot] !== -1 && table[slot] !== value) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const larger = new Float64Array(slots.length * 2).fill(-1);
    for (const value of slots) if (value !== -1) larger[find(larger, value)] = value;
    slots = larger;
  }

  return {
    add(contentId) {
      if (used * 2 >= slots.length) grow();
      const value = prefix(contentId);
      const slot = find(slots, value);
      if (slots[slot] === value) return;
      slots[slot] = value;
      used++;
    },
    mayHave(contentId) {
      const value = prefix(contentId);
      return slots[find(slots, value)] === value;
    },
  };
}

/** The last 12 hex digits: ids of another kind than SHA-256 may begin with a name of the kind. */
function prefix(contentId: string): number {
  const value = Number.parseInt(contentId.slice(-12), 16);
  return Number.isNaN(value) ? 0 : value;
}
