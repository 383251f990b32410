import * as z from 'zod';

/** What the published JSON schema of SPDX 2.3 and the specification's text demand, as far as it concerns packages. */
const spdxId = z.string().regex(/^SPDXRef-[A-Za-z0-9.-]+$/);

const purposes = [
  ...(['OTHER', 'INSTALL', 'ARCHIVE', 'FIRMWARE', 'APPLICATION', 'FRAMEWORK'] as const),
  ...(['LIBRARY', 'CONTAINER', 'SOURCE', 'DEVICE', 'OPERATING_SYSTEM', 'FILE'] as const),
] as const;

const spdxPackage = z.strictObject({
  SPDXID: spdxId,
  name: z.string().min(1),
  versionInfo: z.string().optional(),
  downloadLocation: z.string().min(1),
  filesAnalyzed: z.boolean(),
  licenseConcluded: z.string(),
  licenseDeclared: z.string().regex(/^(NOASSERTION|NONE|[A-Za-z0-9.()+ -]+)$/),
  licenseComments: z.string().optional(),
  copyrightText: z.string(),
  supplier: z.string().regex(/^(NOASSERTION|(Person|Organization): .+)$/),
  summary: z.string().optional(),
  sourceInfo: z.string().optional(),
  primaryPackagePurpose: z.enum(purposes).optional(),
  externalRefs: z
    .array(
      z.strictObject({
        referenceCategory: z.literal('PACKAGE-MANAGER'),
        referenceType: z.literal('purl'),
        referenceLocator: z.string().regex(/^pkg:[a-z]+\/[^\s]+$/),
      }),
    )
    .optional(),
});

const documentSchema = z.strictObject({
  spdxVersion: z.literal('SPDX-2.3'),
  dataLicense: z.literal('CC0-1.0'),
  SPDXID: z.literal('SPDXRef-DOCUMENT'),
  name: z.string().min(1),
  // An absolute URI without fragment.
  documentNamespace: z.string().regex(/^[a-z][a-z0-9+.-]*:[^#\s]+$/),
  creationInfo: z.strictObject({
    created: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    creators: z.array(z.string().regex(/^(Tool|Person|Organization): .+$/)).min(1),
  }),
  packages: z.array(spdxPackage),
  relationships: z.array(
    z.strictObject({
      spdxElementId: spdxId,
      relationshipType: z.enum(['DESCRIBES', 'CONTAINS']),
      relatedSpdxElement: spdxId,
    }),
  ),
});

export type SpdxDocument = z.infer<typeof documentSchema>;

/** The document, if it is one: also every id is there once, and every relationship leads somewhere. */
export function checkedSpdx(value: unknown): SpdxDocument {
  const document = documentSchema.parse(value);
  const ids = [document.SPDXID, ...document.packages.map(({ SPDXID }) => SPDXID)];
  const known = new Set<string>(ids);
  if (known.size !== ids.length) throw new Error('an SPDX id is there twice');
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    for (const id of [spdxElementId, relatedSpdxElement]) if (!known.has(id)) throw new Error(`no ${id}`);
  }
  return document;
}

/** Package URLs, sorted as they stand. */
export function purlsOf({ packages }: SpdxDocument): readonly string[] {
  return packages.flatMap(({ externalRefs = [] }) => externalRefs.map((ref) => ref.referenceLocator));
}
