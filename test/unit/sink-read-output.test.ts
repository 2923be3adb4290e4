import { describe, expect, test } from 'vitest';
import { isOutputFile, readDetections } from '../../src/sink/read-output.ts';

const pair = { id: 'Pair', action: 'UP', entity: ['merchant', 'customer'] };
const header = 'YStartTime,detectionTime,patternId,actionType,customerName,merchantId';
const folder = '20261122T073000.123-7';
const detections = (...rows: readonly string[]) => [
  { key: `${folder}/detections-1.csv`, bytes: Buffer.from([header, ...rows].map((row) => `${row}\n`).join('')) },
];

test('names that we write, and others', () => {
  expect(['detections-1.csv', 'evidence-12.jsonl', `${folder}/detections-50.csv`].every(isOutputFile)).toBe(true);
  expect(
    ['detections-0.csv', 'detections-01.csv', 'detections-1.jsonl', 'evidence-1.csv', 'detections-.csv', 'a.csv'].some(isOutputFile),
  ).toBe(false);
});

test('evidence that is lost is null, and a line of evidence that is none is passed over', () => {
  const files = [
    ...detections('t,t,Pair,UP,C1,M1', 't,t,Pair,UP,C2,M1'),
    {
      key: `${folder}/evidence-1.jsonl`,
      bytes: Buffer.from('torn{\n{"patternId":"Pair","entity":{"customer":"C2","merchant":"M1"}}\n7\n'),
    },
  ];
  expect(readDetections(files, [pair]).map(({ values, evidence }) => [...values, evidence])).toEqual([
    ['M1', 'C1', null],
    ['M1', 'C2', '{"patternId":"Pair","entity":{"customer":"C2","merchant":"M1"}}'],
  ]);
});

describe('what is not of these patterns is refused with line and file', () => {
  test.each([
    ['another pattern', 't,t,Other,UP,C1,M1', 'the pattern Other, which is not declared'],
    ['another action', 't,t,Pair,DOWN,C1,M1', 'another action or other dimensions'],
    ['other dimensions', 't,t,Pair,UP,,M1', 'another action or other dimensions'],
    ['a short row', 't,t,Pair,UP', 'not as many fields'],
    ['an open quote', 't,t,Pair,UP,"C1,M1', 'open quote'],
  ])('%s', (_, row, why) => {
    expect(() => readDetections(detections(row), [pair])).toThrow(
      expect.objectContaining({
        code: 'SINK_AHEAD',
        message: expect.stringMatching(new RegExp(`line 2 of ${folder}/detections-1.csv .*${why}`)) as string,
      }) as Error,
    );
  });
});
