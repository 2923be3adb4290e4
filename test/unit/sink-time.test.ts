import { describe, expect, test } from 'vitest';
import { assertTimeZone, formatCompact, formatTime } from '../../src/sink/local-time.ts';
import { folderName, parseFolderName } from '../../src/sink/output-name.ts';

describe('times in a zone', () => {
  test.each([
    ['2026-11-22T07:30:00.123Z', 'UTC', '2026-11-22 07:30:00.123'],
    ['2026-11-22T07:30:00.123Z', 'Asia/Kolkata', '2026-11-22 13:00:00.123'],
    ['2026-12-31T18:30:00.000Z', 'Asia/Kolkata', '2027-01-01 00:00:00.000'],
    ['2026-11-22T07:30:00.123Z', 'Asia/Kathmandu', '2026-11-22 13:15:00.123'],
    ['2026-11-22T00:00:00.000Z', 'Etc/GMT+12', '2026-11-21 12:00:00.000'],
    // Clocks go forward: 02:00 to 03:00 does not exist.
    ['2026-03-08T06:59:59.999Z', 'America/New_York', '2026-03-08 01:59:59.999'],
    ['2026-03-08T07:00:00.000Z', 'America/New_York', '2026-03-08 03:00:00.000'],
    // Clocks go back: the hour from 01:00 comes twice.
    ['2026-11-01T05:30:00.500Z', 'America/New_York', '2026-11-01 01:30:00.500'],
    ['2026-11-01T06:30:00.500Z', 'America/New_York', '2026-11-01 01:30:00.500'],
    ['2026-03-29T00:59:59.999Z', 'Europe/Berlin', '2026-03-29 01:59:59.999'],
    ['2026-03-29T01:00:00.000Z', 'Europe/Berlin', '2026-03-29 03:00:00.000'],
    // Half an hour of summer time, and a day that was left out.
    ['2026-07-01T00:00:00.000Z', 'Australia/Lord_Howe', '2026-07-01 10:30:00.000'],
    ['2026-01-01T00:00:00.000Z', 'Australia/Lord_Howe', '2026-01-01 11:00:00.000'],
    ['2011-12-30T10:00:00.000Z', 'Pacific/Apia', '2011-12-31 00:00:00.000'],
    // Midnight is 00, not 24; milliseconds before 1970 count upwards.
    ['2026-11-22T00:00:00.007Z', 'UTC', '2026-11-22 00:00:00.007'],
    ['1969-12-31T23:59:59.999Z', 'UTC', '1969-12-31 23:59:59.999'],
    ['0099-01-02T03:04:05.006Z', 'UTC', '0099-01-02 03:04:05.006'],
  ])('%s in %s', (instant, zone, expected) => {
    expect(formatTime(new Date(instant), zone)).toBe(expected);
    expect(formatCompact(new Date(instant), zone)).toBe(expected.replaceAll('-', '').replaceAll(':', '').replace(' ', 'T'));
  });

  test('every half hour of a year agrees with the offset that Intl names', () => {
    const zone = 'America/St_Johns';
    const offset = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    for (let t = Date.UTC(2026, 0, 1); t < Date.UTC(2027, 0, 1); t += 1_800_000) {
      const [, sign, hours, minutes] = /GMT([+-])(\d+):(\d+)/.exec(offset.format(t))!;
      const shift = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
      expect(formatTime(new Date(t), zone)).toBe(new Date(t + shift).toISOString().replace('T', ' ').slice(0, 23));
    }
  });

  test.each(['Mars/Olympus', '', 'Asia/Kolkata '])('%j is refused with the mend', (zone) => {
    expect(() => assertTimeZone(zone)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', mend: expect.stringContaining('IANA') as string }),
    );
  });
});

describe('names of output folders', () => {
  test('time in the zone, then the sequence number', () => {
    expect(folderName(new Date('2026-11-22T07:30:00.123Z'), 'Asia/Kolkata', 31)).toBe('20261122T130000.123-31');
  });

  test.each([
    ['20261122T130000.123-31', 31n],
    ['20261122T130000.123-99999999999999999999', 99999999999999999999n],
    ['20261122T130000.123-', null],
    ['20261122T130000-31', null],
    ['20261122T130000.123-31x', null],
    ['x20261122T130000.123-31', null],
    ['2026-11-22 13:00:00.123-31', null],
    ['_temporary', null],
  ])('%s', (name, expected) => expect(parseFolderName(name)).toBe(expected));
});
