/** SPDX ids that package databases have most often; another one is told as a comment, for a wrong id makes a document invalid. */
const known: ReadonlySet<string> = new Set(
  (
    '0BSD AFL-2.1 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-1.0-Perl Artistic-2.0 BSD-1-Clause BSD-2-Clause ' +
    'BSD-2-Clause-Patent BSD-3-Clause BSD-4-Clause BSL-1.0 BlueOak-1.0.0 CC-BY-3.0 CC-BY-4.0 CC0-1.0 CDDL-1.0 EPL-2.0 ' +
    'FTL GFDL-1.3-or-later GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG ' +
    'ISC LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later Libpng MIT MIT-0 MPL-1.1 ' +
    'MPL-2.0 NCSA OFL-1.1 OpenSSL PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Ruby Sleepycat TCL Unicode-DFS-2016 ' +
    'Unlicense Vim W3C WTFPL X11 Zlib ZPL-2.1 bzip2-1.0.6 curl libtiff zlib-acknowledgement'
  ).split(' '),
);

/** A declared licence as SPDX takes it: an expression of known ids, or none and a comment with the text. */
export function declaredLicense(text: string | undefined): {
  readonly declared: string;
  readonly comment?: string | undefined;
} {
  if (text === undefined) return { declared: 'NOASSERTION' };
  const ids = text
    .replaceAll(/[()]/g, ' ')
    .trim()
    .split(/\s+(?:AND|OR)\s+/);
  // Balanced without nesting, as `(MIT OR Apache-2.0) AND ISC`: a text that only looks like it stays a comment.
  const grouped = /^(?:\([^()]+\)|[^()\s]+)(?: (?:AND|OR) (?:\([^()]+\)|[^()\s]+))*$/.test(text);
  return grouped && ids.every((id) => known.has(id))
    ? { declared: text }
    : { declared: 'NOASSERTION', comment: `declared as: ${text}` };
}
