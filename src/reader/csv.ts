/** How CSV looks, as configured (DESIGN.md 4). */
export interface Csv {
  /** One ASCII character that is no quote and no line end. */
  readonly delimiter: string;
  /** `auto`: the second non-blank line decides. `none`: no field is quoted. */
  readonly quote: 'auto' | '"' | "'" | 'none';
}
