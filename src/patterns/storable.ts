/** Whether PostgreSQL can hold a text as it is: no U+0000, and every surrogate in its pair (else it has no UTF-8). */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/[\uD800-\uDFFF]/u.test(text);
}
