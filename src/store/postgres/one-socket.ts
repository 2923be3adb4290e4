/**
 * A client that connects once, encrypted as its address asks. By itself postgres.js would connect again and again, without a
 * pause, to a server that hangs up before its greeting; it leaves Nagle's algorithm on, which holds up pipelined statements; and
 * it knows less of encryption than a URL can ask for (tls.ts).
 *
 * Without TLS the socket reads into one buffer again and again. By itself it would take 64 KiB for each read, which a load of some
 * hundred MB leaves to the collector: a tenth of its time. The client gets copies; whoever intercepts sees the buffer itself.
 */
import { connect, type Socket } from 'node:net';
import type postgres from 'postgres';
import { encrypt, noTls, type Tls } from './tls.ts';

const readBytes = 1 << 17;

/** Bytes are the receiver's until it returns. */
export type TakeBytes = (bytes: Buffer) => void;

export interface OneSocket {
  /** From now on the connection's bytes go there. False before it is there. */
  intercept(take: TakeBytes): boolean;
  /** To the client, as if they had just come. */
  handOn: TakeBytes;
  /** The connection's bytes go to the client again. */
  release(): void;
  /** Bytes that went over it so far, either way. */
  readonly moved: number;
  /** Ends what there is of a connection. */
  destroy(): void;
}

export function useOneSocket(client: postgres.Sql, tls: Tls): OneSocket {
  const { host, port, path } = client.options;
  let isUsed = false;
  let socket: Socket | null = null;
  let isEncrypted = false;
  /** Ends the interception of an encrypted connection. */
  let restore: ((of: Socket) => void) | null = null;
  /** What the client hears of an encrypted connection with, while another takes its bytes. */
  let muted: TakeBytes | null = null;
  const handOn: TakeBytes = (bytes) => (muted === null ? void socket?.emit('data', Buffer.from(bytes)) : muted(bytes));
  let take = handOn;
  const onread = {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback(length: number, buffer: Uint8Array): boolean {
      take(Buffer.from(buffer.buffer, buffer.byteOffset, length));
      return true;
    },
  };

  const dial = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const made = connect({ ...(path ? { path } : { host: host[0] ?? '', port: port[0] ?? 5432, noDelay: true }), onread });
      socket = made;
      made.once('error', reject).once('connect', () => {
        made.off('error', reject);
        resolve(made);
      });
    });

  const make = async (): Promise<Socket> => {
    if (isUsed) throw Object.assign(new Error('the server ended the connection'), { code: 'CONNECTION_CLOSED' });
    isUsed = true;
    const plain = await dial();
    try {
      const ready = await encrypt(plain, path ? noTls : tls, host[0] ?? '');
      if (ready !== null) {
        isEncrypted = ready !== plain;
        socket = ready;
        return ready;
      }
    } catch (error) {
      plain.on('error', () => {}).destroy();
      throw error;
    }
    plain.on('error', () => {}).destroy();
    return await dial();
  };
  Object.assign(client.options, { socket: make });
  return {
    intercept(taker) {
      if (socket === null) return false;
      take = taker;
      if (!isEncrypted) return true;
      const [listener] = socket.listeners('data') as TakeBytes[];
      if (listener === undefined) return false;
      muted = listener.bind(socket);
      // First the one, then the other: without any the socket would not flow.
      socket.on('data', taker).off('data', listener);
      restore = (of) => void of.on('data', listener).off('data', taker);
      return true;
    },
    handOn,
    release() {
      take = handOn;
      muted = null;
      if (socket !== null) restore?.(socket);
      restore = null;
    },
    get moved() {
      return socket === null ? 0 : socket.bytesRead + socket.bytesWritten;
    },
    destroy: () => socket?.destroy(),
  };
}
