"""Labels of other programs: COCO, YOLO and CVAT."""
