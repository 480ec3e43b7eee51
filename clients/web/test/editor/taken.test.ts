import { getSchema } from '@tiptap/core';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodesAndMarks } from '../../src/editor/schema';

// The same file is tested with the server, in src/collab/schema/rich/tests.rs: what it takes, no editor deletes.
const { fits, unfit } = JSON.parse(readFileSync('../src/collab/schema/rich/fits.json', 'utf8')) as {
  fits: object[];
  unfit: { doc: object }[];
};
const schema = getSchema(nodesAndMarks((text) => text));
const check = (json: object) => schema.nodeFromJSON(json).check();

test.each(fits.map((doc) => [JSON.stringify(doc)]))('editors keep %s', (doc) => {
  expect(() => check(JSON.parse(doc) as object)).not.toThrow();
});

test.each(unfit.map(({ doc }) => [JSON.stringify(doc)]))('editors would delete something of %s', (doc) => {
  expect(() => check(JSON.parse(doc) as object)).toThrow();
});
