import { describe, expect, it } from 'vitest';

import { attestOptionsOf, type AttestFlags } from '../../src/cli/build-attest.ts';

const provenance = {
  mode: 'min',
  version: 'v1',
  builderId: '',
  reproducible: false,
  filename: 'provenance.json',
};
const sbom = { filename: 'sbom.spdx.json' };

describe('flags of attestations', () => {
  it.each<[what: string, flags: AttestFlags, expected: object]>([
    ['B-13 nothing unless asked for', {}, {}],
    ['C-41 bare', { provenance: true, sbom: true }, { provenance, sbom }],
    ['C-41 true', { provenance: 'true', sbom: '1' }, { provenance, sbom }],
    ['C-41 false', { provenance: 'false', sbom: '0' }, {}],
    [
      'O-80 all attributes',
      {
        provenance:
          'mode=max,version=v0.2,"builder-id=https://ci.example/a,b",reproducible=true,inline-only=false',
      },
      {
        provenance: {
          ...provenance,
          ...{ mode: 'max', version: 'v0.2', builderId: 'https://ci.example/a,b', reproducible: true },
        },
      },
    ],
    [
      'C-41 --attest',
      { attest: ['type=provenance,mode=max', 'type=sbom,filename=x.json'] },
      { provenance: { ...provenance, mode: 'max' }, sbom: { filename: 'x.json' } },
    ],
    ['C-41 the last one of a type', { attest: ['type=sbom', 'type=sbom,disabled=true'] }, {}],
    [
      'C-41 the short flag goes first',
      { attest: ['type=provenance,mode=max'], provenance: 'mode=min' },
      { provenance },
    ],
  ])('%s', (_what, flags, expected) => {
    const { provenance: asked, sbom: listed } = attestOptionsOf(flags);
    expect({ ...(asked && { provenance: asked }), ...(listed && { sbom: listed }) }).toEqual(expected);
  });

  it.each<[flags: AttestFlags, message: RegExp]>([
    [{ sbom: '.' }, /--sbom: invalid value "\."/],
    [{ attest: ['mode=max'] }, /the type is missing/],
    [{ attest: ['type=signature'] }, /there is no type "signature"/],
    [{ attest: ['type'] }, /"type" is no NAME=VALUE/],
    [{ provenance: 'mode=full' }, /invalid mode "full"/],
    [{ provenance: 'version=v2' }, /invalid version "v2"/],
    [{ provenance: 'reproducible=perhaps' }, /invalid reproducible "perhaps"/],
    [{ provenance: 'modus=max' }, /there is no attribute "modus"/],
    [{ provenance: 'filename=../../etc/x' }, /is no plain file name/],
    [{ sbom: 'filename=..' }, /is no plain file name/],
    [{ sbom: 'filename=x', provenance: 'filename=x' }, /two files cannot both be "x"/],
    [{ sbom: 'generator=scan\nRUN x' }, /is not the name of an image/],
    [{ attest: ['type=sbom,"x'] }, /is misplaced/],
  ])('C-41 refuses %j', (flags, message) => {
    expect(() => attestOptionsOf(flags)).toThrow(message);
  });
});
