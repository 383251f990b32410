import { canonicalJson, digestParts, TsbuildError } from '../../core/index.ts';
import type { Attestation, Subject } from './types.ts';

/** O-83: what readers of attestations take. */
export const maxStatementBytes = 40 * 2 ** 20;

/**
 * The in-toto statement (github.com/in-toto/attestation, spec/v1/statement.md) as bytes: the same attestation gives the
 * same. SLSA 0.2 is older than version 1 of the statement. Throws ATTESTATION_FAILED when it is too large.
 */
export function statementOf(
  { predicateType, predicate }: Pick<Attestation, 'predicateType' | 'predicate'>,
  subjects: readonly Subject[],
): Uint8Array {
  const type = predicateType === 'https://slsa.dev/provenance/v0.2' ? 'v0.1' : 'v1';
  const text = canonicalJson({
    _type: `https://in-toto.io/Statement/${type}`,
    predicateType,
    subject: subjects.map(({ name, digest }) => {
      const { algorithm, hex } = digestParts(digest);
      return { name, digest: { [algorithm]: hex } };
    }),
    predicate,
  });
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.byteLength <= maxStatementBytes) return bytes;
  throw new TsbuildError(
    'ATTESTATION_FAILED',
    `the attestation ${predicateType} has ${bytes.byteLength} bytes, more than ${maxStatementBytes}`,
    { hint: 'build without it, or provenance with mode=min' },
  );
}
