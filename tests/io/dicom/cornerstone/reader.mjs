// node reader.cjs SEGMENTATION FRAMES OUTPUT
//
// Reads a segmentation (binary or label map) with Cornerstone3D's buffer reader and writes one
// unsigned byte a voxel, the segment number, in the order of FRAMES: a JSON list of the source
// image's slices, each with the DICOM attributes that a viewer needs.
import './browser.mjs';
import { readFileSync, writeFileSync } from 'node:fs';
import { adaptersSEG } from '@cornerstonejs/adapters';
import { metaData } from '@cornerstonejs/core';

const [segmentation, framesFile, output] = process.argv.slice(2);

const frames = new Map(
  JSON.parse(readFileSync(framesFile)).map((frame) => [
    `wadouri:${frame.SOPInstanceUID}`,
    frame,
  ]),
);
const modules = {
  instance: (frame) => frame,
  generalImageModule: (frame) => ({ sopInstanceUID: frame.SOPInstanceUID }),
  generalSeriesModule: (frame) => ({ seriesInstanceUID: frame.SeriesInstanceUID }),
  imagePlaneModule: (frame) => ({
    frameOfReferenceUID: frame.FrameOfReferenceUID,
    rows: frame.Rows,
    columns: frame.Columns,
    imageOrientationPatient: frame.ImageOrientationPatient,
    rowCosines: frame.ImageOrientationPatient.slice(0, 3),
    columnCosines: frame.ImageOrientationPatient.slice(3),
    imagePositionPatient: frame.ImagePositionPatient,
    rowPixelSpacing: frame.PixelSpacing[0],
    columnPixelSpacing: frame.PixelSpacing[1],
    pixelSpacing: frame.PixelSpacing,
  }),
};
const get = (type, id) => (frames.has(id) ? modules[type]?.(frames.get(id)) : undefined);
metaData.addProvider(get, 1);

adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(
  [...frames.keys()],
  Uint8Array.from(readFileSync(segmentation)).buffer,
  { metadataProvider: { get } },
).then(({ labelMapImages: [images] }) => {
  const slices = images.map((image) => Buffer.from(image.voxelManager.getScalarData()));
  writeFileSync(output, Buffer.concat(slices));
});
