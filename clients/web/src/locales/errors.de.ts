/** German words for what the server refuses. */
import type { Translation } from '../lib/i18n.svelte';
import type en from './errors.en';

const errors: Translation<typeof en> = {
  'error.unknown': 'Das hat nicht geklappt. Bitte noch einmal versuchen.',
  'error.malformed': 'Diese Seite und der Server verstehen einander nicht. Bitte neu laden.',
  'error.unauthenticated': 'Bitte neu anmelden.',
  'error.forbidden': 'Das dürfen Sie nicht.',
  'error.not_found': 'Das gibt es nicht mehr.',
  'error.invalid': 'Im Formular stimmt noch etwas nicht.',
  'error.conflict': 'Jemand hat das zur selben Zeit geändert. Bitte noch einmal ansehen.',
  'error.rate_limited': 'Zu viele Versuche. Bitte einen Moment warten.',
  'error.unavailable': 'Der Server ist gerade nicht erreichbar. Bitte gleich noch einmal versuchen.',
  'error.unreachable': 'Der Server ist nicht erreichbar. Ist die Verbindung da?',
  'error.timeout': 'Der Server hat zu lange gebraucht. Bitte noch einmal versuchen.',
  'error.internal': 'Der Server hat einen Fehler gemacht. Bitte noch einmal versuchen.',
  'error.wrong_password': 'E-Mail und Passwort gehören nicht zusammen.',
  'error.email_taken': 'Mit dieser E-Mail gibt es schon ein Konto. Melden Sie sich damit an.',
  'error.registration_closed': 'Neue Konten legt Ihre Verwaltung an.',
  'error.session_ended': 'Die Sitzung ist vorbei.',
  'error.session_not_active': 'Dafür muss die Sitzung laufen.',
  'error.session_paused': 'Die Sitzung macht Pause.',
  'error.too_early': 'Der Vorraum öffnet frühestens eine Stunde vor dem geplanten Beginn.',
  'error.wrong_state': 'Das geht an dieser Stelle nicht.',
  'error.feature_disabled': 'Das ist in den Einstellungen abgeschaltet.',
  'error.last_instructor': 'Die Sitzung braucht mindestens eine Leitung.',
  'error.instructor_here': 'Die Leitung ist wieder da.',
  'error.poll_unknown': 'Diese Umfrage gibt es nicht mehr.',
  'error.poll_not_open': 'Die Umfrage ist nicht offen.',
  'error.poll_closed': 'Die Umfrage ist schon geschlossen.',
  'error.poll_locked': 'Es gibt schon Stimmen; zum Ändern der Antworten die Umfrage zurücksetzen.',
  'error.too_many_open_polls':
    'Eine andere Umfrage ist offen. Schließen Sie sie zuerst, oder erlauben Sie mehr in den Einstellungen.',
  'error.too_many_polls': 'Mehr Umfragen fasst diese Sitzung nicht.',
  'error.too_few_options': 'Es braucht mindestens zwei Antworten.',
  'error.too_many_options': 'So viele Antworten sind nicht möglich.',
  'error.option_twice': 'Zwei Antworten sind gleich.',
  'error.question_unknown': 'Diese Frage gibt es nicht mehr.',
  'error.text_empty': 'Bitte etwas schreiben.',
  'error.text_too_long': 'Der Text ist zu lang.',
  'error.unknown_participant': 'Diese Person gibt es nicht mehr.',
};

export default errors;
