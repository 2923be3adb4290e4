/** Bytes that CSV gives a meaning, and the sizes that bound a record. */
export const LF = 10;
export const CR = 13;
export const DOUBLE_QUOTE = 34;
export const SINGLE_QUOTE = 39;
/** Equal to no byte: the quote of a file in which nothing is quoted. */
export const NO_QUOTE = 256;

/** A record longer than this, without its line end, is `too_long`; a header that long is `bad_header`. */
export const maxRecordBytes = 1 << 20;
/** A key field longer than this is `long_key`. */
export const maxKeyBytes = 256;
