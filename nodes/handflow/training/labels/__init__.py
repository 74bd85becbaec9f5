"""Labels on disk: ours, COCO, YOLO, CVAT."""
