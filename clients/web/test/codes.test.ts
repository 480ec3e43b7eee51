/** Whatever the server may say in a code has words here, in both languages. The contract lists the codes. */
import { describe, expect, test } from 'vitest';
import openapi from '../../../docs/openapi.json';
import documentsDe from '../src/locales/documents.de';
import documentsEn from '../src/locales/documents.en';
import errorsDe from '../src/locales/errors.de';
import errorsEn from '../src/locales/errors.en';

const contract = openapi as unknown as {
  components: { schemas: Record<string, { enum?: string[]; oneOf?: { enum?: string[]; const?: string }[] }> };
};

function listed(name: string): string[] {
  const { enum: plain, oneOf } = contract.components.schemas[name] ?? {};
  const all = plain ?? oneOf?.flatMap((one) => one.enum ?? [one.const ?? '']) ?? [];
  expect(all.length, name).toBeGreaterThan(1);
  return all;
}

describe.each([
  ['English', errorsEn, documentsEn],
  ['German', errorsDe, documentsDe],
])('%s', (_, errors: Record<string, unknown>, documents: Record<string, unknown>) => {
  const without = (words: Record<string, unknown>, prefix: string, codes: string[]) =>
    codes.filter((code) => !words[`${prefix}.${code}`]);

  test('for every refusal', () => {
    expect(without(errors, 'error', listed('Code'))).toEqual([]);
  });
  test('for every reason why a document was not taken over', () => {
    expect(without(documents, 'fault', listed('DocumentErrorCode'))).toEqual([]);
    expect(without(documents, 'fault', listed('DocumentFaultWhy'))).toEqual([]);
  });
  test('for every reason why a version was kept', () => {
    expect(without(documents, 'versions.reason', listed('VersionReason'))).toEqual([]);
  });
});
