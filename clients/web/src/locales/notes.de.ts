/** German texts of the shared notes. */
import type { Translation } from '../lib/i18n.svelte';
import type en from './notes.en';

export default {
  title: 'Notizen',
  of: '{title}, Notizen',
  loading: 'Die Notizen werden geholt …',
  text: 'Gemeinsame Notizen',
  task: 'Erledigt: {text}',
  'task.empty': 'Erledigt: eine leere Zeile',

  open: 'Gemeinsame Notizen öffnen',
  close: 'Schließen',
  failed: 'Die Notizen konnten nicht geladen werden.',

  may: 'Teilnehmende dürfen',
  'may.nothing': 'sie nicht sehen',
  'may.read': 'lesen',
  'may.edit': 'schreiben',
  'may.said.nothing': 'Teilnehmende sehen die Notizen jetzt nicht.',
  'may.said.read': 'Teilnehmende lesen jetzt mit.',
  'may.said.edit': 'Teilnehmende schreiben jetzt mit.',

  'tool.label': 'Formatierung',
  'tool.bold': 'Fett',
  'tool.italic': 'Kursiv',
  'tool.heading2': 'Überschrift',
  'tool.heading3': 'Zwischenüberschrift',
  'tool.bulletList': 'Aufzählung',
  'tool.orderedList': 'Nummerierung',
  'tool.taskList': 'Checkliste',
  'tool.link': 'Link',
  'tool.undo': 'Meine letzte Änderung rückgängig machen',
  'tool.redo': 'Meine Änderung wiederherstellen',
  'link.address': 'Adresse',
  'link.set': 'Link setzen',
  'link.remove': 'Link entfernen',
  'link.cancel': 'Abbrechen',
  'link.fault': 'Das ist keine Web- oder Mailadresse.',

  here: 'Auch hier',
  alone: 'Sonst ist niemand hier.',
  'here.more': { one: 'und {n} mehr', other: 'und {n} mehr' },
  you: 'Geschrieben wird als {name}.',

  'status.connecting': 'Verbindung wird aufgebaut …',
  'status.offline': 'Offline. Neuer Versuch läuft …',
  'status.offlineUnsaved': 'Offline, nicht gespeichert. Seite offen lassen: es wird nachgesendet.',
  'status.saving': 'Wird gespeichert …',
  'status.saved': 'Gespeichert',
  'status.reading': 'Nur lesen',
  'status.lost': 'Jetzt nur lesen. Die letzte Änderung von hier wurde nicht gespeichert.',
  'status.closed': 'Diese Notizen lassen sich nicht mehr öffnen.',
  'say.back': 'Wieder verbunden.',
  'say.writing': 'Die Notizen lassen sich jetzt bearbeiten.',
  again: 'Erneut versuchen',
  reload: 'Gespeicherten Stand zeigen',
} as const satisfies Translation<typeof en>;
