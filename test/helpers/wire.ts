/**
 * What this process says to PostgreSQL, counted where it leaves: statements executed (Execute and simple Query messages)
 * and bytes. Whatever client library is in use, it writes the frontend protocol to a socket: a type, a length, a body.
 */
import { Socket } from 'node:net';

export interface Wire {
  statements: number;
  bytes: number;
}

const execute = 'E'.charCodeAt(0);
const query = 'Q'.charCodeAt(0);
const headerBytes = 5;

/** Call before the first connection. Only messages behind the first, which has no type (start-up), are looked at. */
export function countWire(): Wire {
  // The client names prepared statements by this, once a connection, and such names are not all of one length.
  Math.random = () => 0.5;
  const wire: Wire = { statements: 0, bytes: 0 };
  const connections = new WeakMap<Socket, Messages>();
  const { prototype } = Socket;
  // Whoever writes, writes through here; the real one is called on the same socket.
  const real = Reflect.get(prototype, 'write') as (...args: unknown[]) => boolean;
  Reflect.set(prototype, 'write', function (this: Socket, ...args: unknown[]): boolean {
    const data = args[0];
    if (data instanceof Uint8Array) {
      wire.bytes += data.length;
      const messages = connections.get(this) ?? new Messages();
      connections.set(this, messages);
      wire.statements += messages.count(data);
    }
    return Reflect.apply(real, this, args);
  });
  return wire;
}

/** The messages of one connection; a write may hold several, and parts of them. */
class Messages {
  private isStarting = true;
  private head = Buffer.alloc(0);
  /** Bytes of the body in hand that are still to come. */
  private left = 0;

  count(data: Uint8Array): number {
    // The start-up message is one write.
    if (this.isStarting) {
      this.isStarting = false;
      return 0;
    }
    let statements = 0;
    for (let at = 0; at < data.length; ) {
      if (this.left > 0) {
        const taken = Math.min(this.left, data.length - at);
        this.left -= taken;
        at += taken;
        continue;
      }
      const part = data.subarray(at, at + headerBytes - this.head.length);
      this.head = Buffer.concat([this.head, part]);
      at += part.length;
      if (this.head.length < headerBytes) break;
      if (this.head[0] === execute || this.head[0] === query) statements++;
      this.left = this.head.readUInt32BE(1) - 4;
      this.head = Buffer.alloc(0);
    }
    return statements;
  }
}
