import type { Socket } from 'node:net';

/** What goes over an attached connection: to the client output and the end, from it input and the terminal's size. */
export type Frame =
  | { readonly kind: 'stdout' | 'stderr' | 'stdin'; readonly bytes: Buffer }
  | { readonly kind: 'stdin-end' }
  /** The client leaves, and what it was attached to goes on. */
  | { readonly kind: 'detach' }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  /** `warning`: what is to be told of how it ended; `error`: why it never ran. */
  | {
      readonly kind: 'exit';
      readonly exitCode: number;
      readonly warning?: string | undefined;
      readonly error?: string | undefined;
      readonly code?: string | undefined;
      readonly hint?: string | undefined;
    };

const kinds = ['stdout', 'stderr', 'stdin', 'stdin-end', 'resize', 'exit', 'detach'] as const;

/** A frame carries one read of a stream, or a few words. */
const largestFrame = 1024 * 1024;

/** u8 kind, u32 length (little-endian), then the bytes of a stream, or JSON. */
export function encodeFrame(frame: Frame): Buffer {
  const { kind, ...rest } = frame;
  const body = 'bytes' in frame ? frame.bytes : Buffer.from(JSON.stringify(rest));
  const head = Buffer.alloc(5);
  head.writeUInt8(kinds.indexOf(kind), 0);
  head.writeUInt32LE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** The frames that come, until the connection ends, however it does. Throws for what is none. */
export async function* readFrames(socket: Socket): AsyncGenerator<Frame> {
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
      while (held.length >= 5) {
        const length = held.readUInt32LE(1);
        if (length > largestFrame) throw new Error(`a frame of ${length} bytes`);
        if (held.length < 5 + length) break;
        const frame = parseFrame(held.readUInt8(0), held.subarray(5, 5 + length));
        held = held.subarray(5 + length);
        yield frame;
      }
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
  }
}

function parseFrame(number: number, body: Buffer): Frame {
  const kind = kinds[number];
  if (kind === undefined) throw new Error(`a frame of the unknown kind ${number}`);
  switch (kind) {
    case 'stdout':
    case 'stderr':
    case 'stdin':
      return { kind, bytes: body };
    case 'stdin-end':
    case 'detach':
      return { kind };
    case 'resize':
    case 'exit':
      return { ...(JSON.parse(body.toString()) as object), kind } as Frame;
  }
}
