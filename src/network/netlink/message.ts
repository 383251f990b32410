import { host16, host32, padded, readHost16, readHost32 } from './attributes.ts';

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Lower numbers are netlink's own. */
const firstOfProtocol = 16;

const headerSize = 16;

/** A message to the kernel: `struct nlmsghdr` without length, sequence and port, and what follows it. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  /** The protocol's own header and the attributes. */
  readonly body: Buffer;
}

export interface ReceivedMessage extends Message {
  readonly sequence: number;
}

export function encodeMessage({ type, flags, body }: Message, sequence: number): Buffer {
  const length = headerSize + body.length;
  const bytes = Buffer.alloc(padded(length));
  host32(length).copy(bytes, 0);
  host16(type).copy(bytes, 4);
  host16(flags).copy(bytes, 6);
  host32(sequence).copy(bytes, 8);
  body.copy(bytes, headerSize);
  return bytes;
}

/** The messages of one datagram. */
export function decodeMessages(bytes: Buffer): ReceivedMessage[] {
  const found: ReceivedMessage[] = [];
  for (let offset = 0; offset + headerSize <= bytes.length;) {
    const length = readHost32(bytes, offset);
    if (length < headerSize || offset + length > bytes.length) break;
    found.push({
      type: readHost16(bytes, offset + 4),
      flags: readHost16(bytes, offset + 6),
      sequence: readHost32(bytes, offset + 8),
      body: bytes.subarray(offset + headerSize, offset + length),
    });
    offset += padded(length);
  }
  return found;
}

/** What a received message says. `errno` is 0 for an acknowledgement. */
export type Reply =
  | { readonly kind: 'data'; readonly message: ReceivedMessage }
  | { readonly kind: 'result'; readonly errno: number; readonly sequence: number }
  | { readonly kind: 'done'; readonly errno: number };

export function replyOf(message: ReceivedMessage): Reply | undefined {
  if (message.type === NLMSG_ERROR) {
    return { kind: 'result', errno: errnoOf(message.body), sequence: message.sequence };
  }
  if (message.type === NLMSG_DONE) return { kind: 'done', errno: errnoOf(message.body) };
  return message.type < firstOfProtocol ? undefined : { kind: 'data', message };
}

function errnoOf(body: Buffer): number {
  return body.length < 4 ? 0 : -(readHost32(body) | 0);
}
