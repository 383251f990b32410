import { canonicalJson, compareBytes, digestOf, type JsonObject } from '../core/index.ts';
import { packageUrl } from '../image/index.ts';
import { declaredLicense } from './licenses.ts';
import type { Distribution } from './packages/os-release.ts';
import type { FoundPackage } from './packages/types.ts';

export interface SpdxFacts {
  /** Name of the image, for people. */
  readonly name: string;
  /** Id of the image (config digest), which is the same wherever it goes. */
  readonly id: string;
  readonly distribution: Distribution | undefined;
  readonly packages: readonly FoundPackage[];
  /** SPDX wants whole seconds. */
  readonly created: Date;
  /** Name and version of this program. */
  readonly tool: string;
}

const unknown = 'NOASSERTION';
const imageRef = 'SPDXRef-Image';

/**
 * An SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3): the image, the system it says it is, and its packages, by kind, name
 * and version. The namespace must be another one for each document: it is the digest of all that is in this one.
 */
export function spdxDocument(facts: SpdxFacts): JsonObject {
  const { distribution } = facts;
  const urls = new Map(facts.packages.map((one) => [purlOf(one, distribution), one]));
  const packages = [...urls]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([purl, one]) => packageJson(one, purl));
  const system = distribution === undefined ? [] : [systemJson(distribution)];
  const relate = (from: string, type: string, to: JsonObject): JsonObject => ({
    spdxElementId: from,
    relationshipType: type,
    relatedSpdxElement: to['SPDXID'],
  });
  const image = imageJson(facts);
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: facts.name,
    creationInfo: {
      created: facts.created.toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: ${facts.tool}`],
    },
    packages: [image, ...system, ...packages],
    relationships: [
      relate('SPDXRef-DOCUMENT', 'DESCRIBES', image),
      ...[...system, ...packages].map((one) => relate(imageRef, 'CONTAINS', one)),
    ],
  };
  const namespace = digestOf(canonicalJson(document)).replace(':', '-');
  return { ...document, documentNamespace: `urn:tsbuild:sbom:${namespace}` };
}

function imageJson({ name, id }: SpdxFacts): JsonObject {
  return { ...common(imageRef, name), versionInfo: id, primaryPackagePurpose: 'CONTAINER' };
}

function systemJson({ id, version, name }: Distribution): JsonObject {
  return {
    ...common('SPDXRef-OperatingSystem', id),
    versionInfo: version,
    summary: name,
    // So in the JSON schema; the specification's text has a dash.
    primaryPackagePurpose: 'OPERATING_SYSTEM',
  };
}

function packageJson(found: FoundPackage, purl: string): JsonObject {
  const { kind, name, version, license, maintainer, from } = found;
  const { declared, comment } = declaredLicense(license);
  // Names have letters that an id may not have, and one version may be there for two architectures.
  const unique = digestOf(purl).slice('sha256:'.length, 'sha256:'.length + 12);
  const readable = name.replaceAll(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+/, '');
  return {
    ...common(`SPDXRef-Package-${kind}-${readable}-${unique}`, name),
    versionInfo: version,
    supplier: maintainer === undefined ? unknown : `Person: ${person(maintainer)}`,
    licenseDeclared: declared,
    licenseComments: comment,
    sourceInfo: `found in /${from}`,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  };
}

function common(id: string, name: string): JsonObject {
  return {
    SPDXID: id,
    name,
    downloadLocation: unknown,
    filesAnalyzed: false,
    licenseConcluded: unknown,
    licenseDeclared: unknown,
    copyrightText: unknown,
    supplier: unknown,
  };
}

/** `Name <address>` is `Name (address)` in SPDX. */
function person(maintainer: string): string {
  return maintainer.replace(/\s*<([^<>]*)>$/, ' ($1)').trim();
}

const defaultDistributions = { deb: 'debian', apk: 'alpine', rpm: 'redhat' } as const;

function purlOf(found: FoundPackage, distribution: Distribution | undefined): string {
  const { kind, name, version, architecture, source, epoch } = found;
  if (kind === 'npm') {
    const slash = name.indexOf('/');
    const namespace = slash < 0 ? undefined : name.slice(0, slash);
    return packageUrl({ type: kind, namespace, name: name.slice(slash + 1), version });
  }
  const { id, version: release } = distribution ?? { id: defaultDistributions[kind] };
  const distro =
    distribution === undefined ? undefined : `${id}${release === undefined ? '' : `-${release}`}`;
  const upstream =
    source === undefined
      ? undefined
      : source.name + (source.version === undefined ? '' : `@${source.version}`);
  return packageUrl({
    ...{ type: kind, namespace: id, name, version },
    qualifiers: { arch: architecture, distro, epoch: epoch?.toString(), upstream },
  });
}
