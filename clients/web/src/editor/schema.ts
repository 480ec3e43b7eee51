/**
 * What rich text consists of; the names are those that the server knows (src/collab/schema/rich). Whoever opens a text
 * has all of it, because an editor deletes what it does not know.
 */
import { Mark, mergeAttributes, Node, type AnyExtension } from '@tiptap/core';
import { Blockquote } from '@tiptap/extension-blockquote';
import { Bold } from '@tiptap/extension-bold';
import { Code } from '@tiptap/extension-code';
import { CodeBlock } from '@tiptap/extension-code-block';
import { Document } from '@tiptap/extension-document';
import { HardBreak } from '@tiptap/extension-hard-break';
import { Heading } from '@tiptap/extension-heading';
import { Highlight } from '@tiptap/extension-highlight';
import { HorizontalRule } from '@tiptap/extension-horizontal-rule';
import { Image } from '@tiptap/extension-image';
import { Italic } from '@tiptap/extension-italic';
import { Link } from '@tiptap/extension-link';
import { BulletList, ListItem, ListKeymap, OrderedList, TaskItem, TaskList } from '@tiptap/extension-list';
import { Paragraph } from '@tiptap/extension-paragraph';
import { Strike } from '@tiptap/extension-strike';
import { Table, TableCell, TableHeader, TableRow } from '@tiptap/extension-table';
import { Text } from '@tiptap/extension-text';
import { Underline } from '@tiptap/extension-underline';
import type * as Y from 'yjs';

/** Somebody of the organization, named in the text. */
const Mention = Node.create({
  name: 'mention',
  group: 'inline',
  inline: true,
  atom: true,
  selectable: true,
  addAttributes: () => ({
    id: { default: null, parseHTML: (element: HTMLElement) => element.dataset.id ?? null },
    label: { default: null, parseHTML: (element: HTMLElement) => element.dataset.label ?? null },
  }),
  parseHTML: () => [{ tag: 'span[data-type="mention"]' }],
  renderHTML: ({ node }) => [
    'span',
    { 'data-type': 'mention', 'data-id': node.attrs.id, 'data-label': node.attrs.label, class: 'mention' },
    `@${node.attrs.label ?? ''}`,
  ],
  renderText: ({ node }) => `@${node.attrs.label ?? ''}`,
});

/** What somebody suggests: `insertion` is there when it is accepted, `deletion` is gone then. */
function suggestion(name: 'insertion' | 'deletion', tag: 'ins' | 'del'): AnyExtension {
  return Mark.create({
    name,
    // What is typed behind it is not part of it.
    inclusive: false,
    addAttributes: () =>
      Object.fromEntries(
        ['id', 'author', 'name', 'at'].map((key) => [
          key,
          {
            default: null,
            parseHTML: (element: HTMLElement) => element.getAttribute(`data-${key}`),
            renderHTML: (attributes: Record<string, unknown>) => ({ [`data-${key}`]: attributes[key] }),
          },
        ]),
      ),
    renderHTML: ({ HTMLAttributes }) => [tag, mergeAttributes(HTMLAttributes, { class: name }), 0],
  });
}

/** Words of the server's schema that no tool here makes. */
const small = (name: string, tag: 'sup' | 'sub') =>
  Mark.create({ name, parseHTML: () => [{ tag }], renderHTML: () => [tag, 0] });

/** Only what is kept with the documents: other places are not to learn who reads. */
const Picture = Image.extend({
  parseHTML: () => [{ tag: 'img[src^="/files/"]' }],
  renderHTML: ({ node }) => {
    const { src, alt, title } = node.attrs as { src: string | null; alt: string | null; title: string | null };
    if (src?.startsWith('/files/')) return ['img', { src, alt: alt ?? '', ...(title ? { title } : {}) }];
    return ['span', { class: 'elsewhere' }, alt || src || ''];
  },
  addInputRules: () => [],
});

/** Without widths, which would be styles in attributes. */
const Grid = Table.extend({
  renderHTML: ({ HTMLAttributes }) => ['div', { class: 'grid' }, ['table', HTMLAttributes, ['tbody', 0]]],
});

export function nodesAndMarks(taskLabel: (text: string) => string): AnyExtension[] {
  return [
    Document,
    Paragraph,
    Text,
    HardBreak,
    Bold,
    Italic,
    Underline,
    Strike,
    Highlight,
    // Other marks make no sense in it, except that it is suggested.
    Code.extend({ excludes: 'code bold italic underline strike highlight link superscript subscript' }),
    small('superscript', 'sup'),
    small('subscript', 'sub'),
    Heading.configure({ levels: [1, 2, 3, 4, 5, 6] }),
    Blockquote,
    CodeBlock.extend({ marks: 'insertion deletion' }),
    HorizontalRule,
    BulletList,
    OrderedList,
    ListItem,
    TaskList,
    TaskItem.configure({ nested: true, a11y: { checkboxLabel: (node) => taskLabel(node.textContent) } }),
    ListKeymap,
    Link.configure({
      openOnClick: false,
      defaultProtocol: 'https',
      HTMLAttributes: { rel: 'noopener noreferrer nofollow', target: '_blank' },
    }),
    Mention,
    Picture,
    Grid.configure({ resizable: false, View: null }),
    TableRow,
    TableHeader,
    TableCell,
    suggestion('insertion', 'ins'),
    suggestion('deletion', 'del'),
  ];
}

/** The words of a text, whatever else is in it. */
export function wordsOf(type: Y.XmlFragment | Y.XmlText): string {
  if (!('firstChild' in type)) return (type.toDelta() as { insert: unknown }[]).map(({ insert }) => insert).join('');
  return (type.toArray() as (Y.XmlElement | Y.XmlText)[]).map(wordsOf).join('\n');
}
