/** What every store owes to requests of commands (PROTOCOL 1.7). */
import { describe, expect, test } from 'vitest';
import type { CommitEntry, InboxRequest, Store, Writer } from '../../src/store/store.ts';

export interface InboxWorld {
  /** As another process would open it. */
  open(): Promise<Store>;
  expireLease(): Promise<void>;
  /** A claimed pipeline with a basis. */
  start(): Promise<{ readonly store: Store; readonly writer: Writer }>;
  /** An entry that is applied, with its sequence number. */
  applied(sequence: number): CommitEntry;
}

const file = (id: string, bytes: Uint8Array = Uint8Array.of(0, 1, 255)): InboxRequest => ({
  id,
  kind: 'replay',
  name: `${id}'.csv`,
  bytes,
});
const answer = '{"told":"a \\" b"}';

export function inboxContract(world: InboxWorld): void {
  describe('PROTOCOL 1.7: the inbox', () => {
    test('takes requests from who has no lease, and gives them to who has it, in their order, byte by byte', async () => {
      const { writer } = await world.start();
      expect(await writer.nextRequest()).toBeNull();
      const other = await world.open();
      await other.request(file('b'));
      await other.request(file('a', new Uint8Array(0)));
      expect(await writer.nextRequest()).toEqual(file('b'));
      expect((await other.requests()).map(({ id, kind, name, answer: told }) => [id, kind, name, told])).toEqual([
        ['b', 'replay', "b'.csv", null],
        ['a', 'replay', "a'.csv", null],
      ]);
      await writer.answer({ id: 'b', answer });
      expect(await writer.nextRequest()).toEqual(file('a', new Uint8Array(0)));
      expect((await other.requests({ id: 'b' })).map(({ answer: told }) => told)).toEqual([answer]);
      expect((await other.requests({ isOpen: true })).map(({ id }) => id)).toEqual(['a']);
      expect((await other.requests({ isOpen: false })).map(({ id }) => id)).toEqual(['b']);
      expect((await other.requests({ id: 'b' }))[0]?.at).toBeInstanceOf(Date);
    });

    test('holds a request once, however often it is put, and not again when it is answered', async () => {
      const { store, writer } = await world.start();
      await store.request(file('a'));
      await store.request(file('a'));
      expect(await store.requests()).toHaveLength(1);
      await writer.answer({ id: 'a', answer });
      await store.request(file('a'));
      expect(await writer.nextRequest()).toBeNull();
    });

    test('answers in the commit that does what is asked for: both take place, or neither', async () => {
      const { store, writer } = await world.start();
      await store.request(file('a'));
      const fulfils = { id: 'a', answer };
      const entry = { ...world.applied(1), fulfils };
      await writer.commit({ from: 0, to: 1, entries: [entry], sameContent: [] });
      expect((await store.requests()).map(({ answer: told }) => told)).toEqual([answer]);
      // Once: neither the entry nor the answer of a second one.
      await expect(
        writer.commit({ from: 1, to: 2, entries: [{ ...world.applied(2), fulfils: { id: 'a', answer: '{}' } }], sameContent: [] }),
      ).rejects.toMatchObject({ code: 'INTERNAL' });
      expect((await store.requests()).map(({ answer: told }) => told)).toEqual([answer]);
      expect((await store.pipeline())?.lastSequence).toBe(1);
    });

    test('is answered once, and only what was asked', async () => {
      const { store, writer } = await world.start();
      await store.request(file('a'));
      await expect(writer.answer({ id: 'b', answer })).rejects.toMatchObject({ code: 'INTERNAL' });
      await writer.answer({ id: 'a', answer });
      await expect(writer.answer({ id: 'a', answer: '{}' })).rejects.toMatchObject({ code: 'INTERNAL' });
      expect((await store.requests()).map(({ answer: told }) => told)).toEqual([answer]);
    });

    test('law 6: one that was taken over answers nothing, and the next finds the request', async () => {
      const { store, writer } = await world.start();
      await store.request(file('a'));
      await world.expireLease();
      const next = await (await world.open()).claim({ waitMs: 0 });
      await expect(writer.answer({ id: 'a', answer })).rejects.toMatchObject({ code: 'FENCED' });
      expect(await next.nextRequest()).toEqual(file('a'));
    });
  });
}
