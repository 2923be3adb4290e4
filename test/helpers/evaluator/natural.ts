/** Natural order, written again from DESIGN.md 5 by regular expression and BigInt. */
export function naturalCompare(a: string, b: string): number {
  const left = pieces(a);
  const right = pieces(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] as string | bigint;
    const y = right[i] as string | bigint;
    if (typeof x === 'bigint' && typeof y === 'bigint') {
      if (x !== y) return x < y ? -1 : 1;
    } else {
      const order = Buffer.compare(Buffer.from(String(x)), Buffer.from(String(y)));
      if (order !== 0) return order;
    }
  }
  if (left.length !== right.length) return left.length - right.length;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** text, number, text, number, ...: the first text may be empty. */
function pieces(key: string): (string | bigint)[] {
  const found: (string | bigint)[] = [];
  let rest = key;
  for (;;) {
    const text = /^[^0-9]*/.exec(rest)?.[0] ?? '';
    found.push(text);
    rest = rest.slice(text.length);
    const digits = /^[0-9]+/.exec(rest)?.[0];
    if (digits === undefined) return found;
    found.push(BigInt(digits));
    rest = rest.slice(digits.length);
    if (rest === '') return found;
  }
}
