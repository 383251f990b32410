/* As much of DNS messages as answering for a few names takes; RFC 1035 section 4. */
import { addressBytes } from '../address.ts';

const headerSize = 12;
const typeA = 1;
const typeAaaa = 28;
const typeAny = 255;
const classIn = 1;
const largestName = 253;
/** Seconds that an answer may be kept: containers come and go. */
const timeToLive = 1;

export const SERVFAIL = 2;

/** The one question of a query. */
export interface Question {
  readonly id: number;
  /** In small letters, labels joined by dots. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Header and question as they came, without what may follow. */
  readonly bytes: Buffer;
}

/** The question of a message, of a query as of an answer; undefined when it is malformed or has not just one. */
export function questionOf(message: Buffer): Question | undefined {
  if (message.length < headerSize || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let offset = headerSize;
  for (;;) {
    const length = message[offset];
    // A question has nothing before it that a compressed name could point to.
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    if (offset + length > message.length) return undefined;
    labels.push(message.toString('latin1', offset, offset + length).toLowerCase());
    offset += length;
  }
  const name = labels.join('.');
  if (offset + 4 > message.length || name.length > largestName) return undefined;
  return {
    id: message.readUInt16BE(0),
    name,
    type: message.readUInt16BE(offset),
    class: message.readUInt16BE(offset + 2),
    bytes: message.subarray(0, offset + 4),
  };
}

export function isResponse(message: Buffer): boolean {
  return message.length >= headerSize && (message.readUInt16BE(2) & 0x8000) !== 0;
}

/** The answer to a question about a name that has these addresses. It has no IPv6 ones, which is no error. */
export function answer(question: Question, addresses: readonly string[]): Buffer {
  const wanted = question.class === classIn && (question.type === typeA || question.type === typeAny);
  const records = wanted ? addresses.map(addressRecord) : [];
  return respond(question, { code: 0, records });
}

/** Whether only our own names can answer it: nobody outside knows them, whatever is asked about them. */
export function isAboutAddresses({ type }: Question): boolean {
  return type === typeA || type === typeAaaa || type === typeAny;
}

export function failure(question: Question, code: number): Buffer {
  return respond(question, { code, records: [] });
}

/** The name is a pointer to the question's. */
function addressRecord(address: string): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | headerSize, 0);
  head.writeUInt16BE(typeA, 2);
  head.writeUInt16BE(classIn, 4);
  head.writeUInt32BE(timeToLive, 6);
  head.writeUInt16BE(4, 10);
  return Buffer.concat([head, addressBytes(address)]);
}

function respond(
  question: Question,
  { code, records }: { readonly code: number; readonly records: readonly Buffer[] },
): Buffer {
  const message = Buffer.concat([question.bytes, ...records]);
  const recursionDesired = message.readUInt16BE(2) & 0x0100;
  const responseWithRecursion = 0x8080;
  message.writeUInt16BE(responseWithRecursion | recursionDesired | code, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt32BE(0, 8);
  return message;
}
