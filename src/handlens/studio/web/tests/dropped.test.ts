import { expect, it } from 'vitest'
import { labelFileText, photosText } from '../src/text/dropped'

const files = (...paths: string[]) => paths.map((path) => ({ path }))

it('knows files with labels where photos are wanted', () => {
  expect(labelFileText(files('labels.csv'))).toBe(
    'labels.csv looks like labels, not like photos. Open the collection of its photos and drop it there.',
  )
  expect(labelFileText(files('voc/a.xml', 'voc/b.XML'))).toMatch(/^voc\/a\.xml looks like labels/)
  // Photos with their labels are a collection, and so is a zip.
  expect(labelFileText(files('pets/labels.csv', 'pets/1.jpg'))).toBe(null)
  expect(labelFileText(files('pets.zip'))).toBe(null)
  expect(labelFileText([])).toBe(null)
})

it('knows photos where labels are wanted', () => {
  expect(photosText(files('a.JPG'))).toMatch(/^a\.JPG is a photo, which says nothing about labels\./)
  expect(photosText(files('trip/a.jpg', 'trip/b.heic'))).toMatch(/^These are photos, which say nothing about labels\./)
  // Folders by label, and anything that is not a photo, may hold labels.
  expect(photosText(files('pets/cat/1.jpg', 'pets/dog/2.jpg'))).toBe(null)
  expect(photosText(files('cat/1.jpg', 'dog/2.jpg'))).toBe(null)
  expect(photosText(files('trip/a.jpg', 'trip/metadata.csv'))).toBe(null)
  expect(photosText([])).toBe('There is nothing in it that could be read.')
})
