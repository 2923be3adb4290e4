/**
 * Instants as wall-clock time in an IANA zone, to the millisecond and the rule of that zone on that day.
 *
 * The zone's rules come from Intl. Making a formatter costs a hundred times what using it costs, so one is kept a zone. UTC has
 * no rules and is written without Intl, whose first use costs 10 to 25 ms.
 */
import { TallyhoError } from '../core/error.ts';

interface WallClock {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
  readonly minute: string;
  readonly second: string;
  readonly millisecond: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  const kept = formatters.get(timeZone);
  if (kept !== undefined) return kept;
  let made: Intl.DateTimeFormat;
  try {
    made = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch (cause) {
    throw new TallyhoError('CONFIG_INVALID', `${JSON.stringify(timeZone)} is no time zone known here.`, {
      mend: 'Give an IANA name such as UTC, Asia/Kolkata or America/New_York.',
      cause,
    });
  }
  formatters.set(timeZone, made);
  return made;
}

/** Throws CONFIG_INVALID unless it is an IANA time zone. */
export function assertTimeZone(timeZone: string): void {
  if (timeZone !== utc) formatter(timeZone);
}

const utc = 'UTC';

function wallClock(instant: Date, timeZone: string): WallClock {
  return (timeZone === utc ? utcClock(instant) : null) ?? zoneClock(instant, timeZone);
}

/** null where the year has not four digits. */
function utcClock(instant: Date): WallClock | null {
  const parts = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.(\d{3})Z$/.exec(instant.toISOString());
  if (parts === null) return null;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', millisecond = ''] = parts;
  return { year, month, day, hour, minute, second, millisecond };
}

function zoneClock(instant: Date, timeZone: string): WallClock {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const { type, value } of formatter(timeZone).formatToParts(instant)) parts[type] = value;
  const { year = '', month = '', day = '', hour = '', minute = '', second = '' } = parts;
  // Offsets are whole seconds, so the milliseconds are those of UTC.
  const millisecond = String(instant.getUTCMilliseconds()).padStart(3, '0');
  return { year: year.padStart(4, '0'), month, day, hour, minute, second, millisecond };
}

/** `yyyy-MM-dd HH:mm:ss.SSS`. */
export function formatTime(instant: Date, timeZone: string): string {
  const { year, month, day, hour, minute, second, millisecond } = wallClock(instant, timeZone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}.${millisecond}`;
}

/** `yyyyMMdd'T'HHmmss.SSS`: sorts as time does within a zone without clock changes, and holds no character a path could mind. */
export function formatCompact(instant: Date, timeZone: string): string {
  const { year, month, day, hour, minute, second, millisecond } = wallClock(instant, timeZone);
  return `${year}${month}${day}T${hour}${minute}${second}.${millisecond}`;
}
