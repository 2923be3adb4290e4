/** The public API of Tallyho. */
export { type ErrorCode, TallyhoError } from './core/error.ts';
