import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ConditionEvidence, Detection } from '../../src/core/detection.ts';
import { planFiles, type PlanFilesOptions } from '../../src/sink/plan-files.ts';
import type { DetectionRecord, PlannedFile } from '../../src/store/store.ts';

const patId1 = { id: 'PatId1', action: 'UPGRADE', entity: ['merchant', 'customer'], fingerprint: '9f2c' };
const patId3 = { id: 'PatId3', action: 'DEI-NEEDED', entity: ['merchant'], fingerprint: 'aa' };

const detection = (pattern: number, values: readonly string[], conditions: readonly ConditionEvidence[] = []): Detection => ({
  pattern,
  entity: 0,
  values,
  conditions,
});

function plan(options: Partial<PlanFilesOptions>) {
  const { folder, files, records } = planFiles({
    detections: [],
    patterns: [patId1, patId3],
    sequence: 31,
    chunk: 'chunk_30.csv',
    detectionTime: new Date('2026-11-22T07:30:00.123Z'),
    startTime: new Date('2026-11-22T07:00:00.000Z'),
    timeZone: 'UTC',
    ...options,
  });
  // What the store takes is what is planned.
  const stored: { files: readonly PlannedFile[]; records: readonly DetectionRecord[] } = { files, records };
  const text = (name: string): string => Buffer.from(stored.files.find(({ key }) => key === `${folder}/${name}`)!.bytes).toString();
  return { folder, files: stored.files, records: stored.records, text };
}

const header = 'YStartTime,detectionTime,patternId,actionType,customerName,merchantId';

describe('the files of a chunk', () => {
  test('one detection: evidence first, then the detections', () => {
    const { folder, files, text } = plan({ detections: [detection(0, ['M1823072687', 'C123'])], timeZone: 'Asia/Kolkata' });
    expect(folder).toBe('20261122T130000.123-31');
    expect(files.map(({ key, ordinal }) => [ordinal, key])).toEqual([
      [0, '20261122T130000.123-31/evidence-1.jsonl'],
      [1, '20261122T130000.123-31/detections-1.csv'],
    ]);
    expect(text('detections-1.csv')).toBe(`${header}\n2026-11-22 12:30:00.000,2026-11-22 13:00:00.123,PatId1,UPGRADE,C123,M1823072687\n`);
    for (const { bytes, sha256 } of files) expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('a field that does not apply is empty', () => {
    expect(plan({ detections: [detection(1, ['M1'])] }).text('detections-1.csv')).toBe(
      `${header}\n2026-11-22 07:00:00.000,2026-11-22 07:30:00.123,PatId3,DEI-NEEDED,,M1\n`,
    );
  });

  test('none where there are no detections', () => {
    expect(plan({}).files).toEqual([]);
    expect(plan({}).records).toEqual([]);
  });

  test('at most 50 rows a file, evidence in the same groups, detections-1.csv last', () => {
    const detections = Array.from({ length: 101 }, (_, i) => detection(1, [`M${i}`]));
    const { files, text, records } = plan({ detections });
    expect(files.map(({ key }) => key.split('/')[1])).toEqual([
      'evidence-1.jsonl',
      'evidence-2.jsonl',
      'evidence-3.jsonl',
      'detections-2.csv',
      'detections-3.csv',
      'detections-1.csv',
    ]);
    expect(files.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5]);
    const merchants = (n: number): string[] =>
      text(`detections-${n}.csv`)
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[5]!);
    expect([1, 2, 3].map((n) => merchants(n).length)).toEqual([50, 50, 1]);
    expect([1, 2, 3].flatMap(merchants)).toEqual(detections.map(({ values }) => values[0]));
    for (const n of [1, 2, 3]) {
      const evidence = text(`evidence-${n}.jsonl`)
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { entity: { merchant: string } }).entity.merchant);
      expect(evidence).toEqual(merchants(n));
    }
    expect(records.map(({ ordinal }) => ordinal)).toEqual(detections.map((_, i) => i));
  });

  test.each([49, 50, 51, 100])('%i rows', (rows) => {
    const { files } = plan({ detections: Array.from({ length: rows }, (_, i) => detection(1, [`M${i}`])) });
    expect(files).toHaveLength(2 * Math.ceil(rows / 50));
  });

  test('the same input gives the same bytes', () => {
    const detections = [detection(0, ['M1', 'C1'])];
    expect(plan({ detections }).files).toEqual(plan({ detections }).files);
  });
});

describe('CSV', () => {
  test.each([
    ['plain', 'plain'],
    [' spaces kept ', ' spaces kept '],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['lone\rCR', '"lone\rCR"'],
    ["it's", "it's"],
    ['=1+1', '=1+1'],
    ['a;b\tc', 'a;b\tc'],
    ['café 😀', 'café 😀'],
    ['|', '|'],
  ])('%j', (value, field) => {
    const { text } = plan({ detections: [detection(0, [value, 'C'])] });
    expect(text('detections-1.csv')).toBe(`${header}\n2026-11-22 07:00:00.000,2026-11-22 07:30:00.123,PatId1,UPGRADE,C,${field}\n`);
  });

  test('further dimensions have columns in the order of first declaration over the whole set', () => {
    const patterns = [
      { id: 'a', action: 'A', entity: ['customer', 'zip, code'], fingerprint: '1' },
      { id: 'b', action: 'B', entity: ['category', 'merchant', 'zip, code'], fingerprint: '2' },
      { id: 'c', action: 'C', entity: ['gender'], fingerprint: '3' },
    ];
    const { text } = plan({ patterns, detections: [detection(1, ['es_tech', 'M1', '28007']), detection(0, ['C1', '28001'])] });
    expect(text('detections-1.csv')).toBe(
      [
        `${header},"zip, code",category,gender`,
        '2026-11-22 07:00:00.000,2026-11-22 07:30:00.123,b,B,,M1,28007,es_tech,',
        '2026-11-22 07:00:00.000,2026-11-22 07:30:00.123,a,A,C1,,28001,,',
        '',
      ].join('\n'),
    );
  });

  test('a dimension named like a property of every object is a name like others', () => {
    const patterns = [
      { id: 'a', action: 'A', entity: ['constructor', '__proto__'], fingerprint: '1' },
      { id: 'b', action: 'B', entity: ['merchant'], fingerprint: '2' },
    ];
    const { text } = plan({ patterns, detections: [detection(0, ['x', 'y']), detection(1, ['M'])] });
    const rows = text('detections-1.csv')
      .split('\n')
      .map((line) => line.split(',').slice(4).join(','));
    expect(rows).toEqual(['customerName,merchantId,constructor,__proto__', ',,x,y', ',M,,', '']);
  });
});

describe('evidence', () => {
  test('is the example of the design, to the byte', () => {
    const conditions: ConditionEvidence[] = [
      { when: 'merchant.count > 50000', value: '150312', bound: '50000' },
      { when: 'count in top 10% of merchant', value: '74', b: 370, n: 4021, cutoff: '71' },
      {
        when: 'avg(weight) in bottom 10% of merchant',
        sum: '1430.10',
        number: '74',
        b: 12,
        n: 4021,
        cutoff: { sum: '1890.00', number: '60' },
      },
    ];
    const { text, records } = plan({ detections: [detection(0, ['M1823072687', 'C123'], conditions)], timeZone: 'Asia/Kolkata' });
    const line =
      '{"patternId":"PatId1","action":"UPGRADE","entity":{"merchant":"M1823072687","customer":"C123"},"sequence":31,"chunk":"chunk_30.csv","detectedAt":"2026-11-22T07:30:00.123Z","fingerprint":"9f2c","conditions":[{"when":"merchant.count > 50000","value":"150312","bound":"50000"},{"when":"count in top 10% of merchant","value":"74","b":370,"n":4021,"cutoff":"71"},{"when":"avg(weight) in bottom 10% of merchant","sum":"1430.10","number":"74","b":12,"n":4021,"cutoff":{"sum":"1890.00","number":"60"}}]}';
    expect(text('evidence-1.jsonl')).toBe(`${line}\n`);
    expect(records).toEqual([
      { patternId: 'PatId1', action: 'UPGRADE', entity: { merchant: 'M1823072687', customer: 'C123' }, ordinal: 0, evidence: line },
    ]);
  });

  test('has its fields in order, however the detector made them', () => {
    const conditions: ConditionEvidence[] = [
      { bound: { number: '3', sum: '1.00' }, number: '2', sum: '4.00', when: 'a' },
      { bound: { value: '8', percent: '12.5' }, value: '1', when: 'b' },
      { bound: { number: '3', percent: '20', sum: '1.00' }, value: '1', when: 'c' },
      { cutoff: { number: '1', sum: '2.00' }, n: 5, b: 0, value: '1', when: 'd' },
    ];
    const { records } = plan({ detections: [detection(1, ['M'], conditions)] });
    expect(records[0]!.evidence.slice(records[0]!.evidence.indexOf('"conditions"'))).toBe(
      '"conditions":[{"when":"a","sum":"4.00","number":"2","bound":{"sum":"1.00","number":"3"}},{"when":"b","value":"1","bound":{"percent":"12.5","value":"8"}},{"when":"c","value":"1","bound":{"percent":"20","sum":"1.00","number":"3"}},{"when":"d","value":"1","b":0,"n":5,"cutoff":{"sum":"2.00","number":"1"}}]}',
    );
  });

  test('of a reevaluation names no chunk', () => {
    const { records } = plan({ detections: [detection(1, ['M'])], chunk: null });
    expect(records[0]!.evidence).toContain('"sequence":31,"chunk":null,"detectedAt"');
  });

  test('keeps the order of the entity, for names like numbers too, and stays on one line', () => {
    const patterns = [{ id: 'a', action: 'A', entity: ['z', '1', '__proto__'], fingerprint: '1' }];
    const { records } = plan({ patterns, detections: [detection(0, ['a\n"b"', '\u2028', 'p'])] });
    expect(records[0]!.evidence).toContain('"entity":{"z":"a\\n\\"b\\"","1":"\u2028","__proto__":"p"},"sequence"');
    expect(Object.entries(records[0]!.entity)).toContainEqual(['__proto__', 'p']);
  });
});
